//! What answers mean: when it is worth coming again, and how much of a batch was taken.

use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceResponse,
};
use prost::Message;

use super::*;
use http::Response;

fn answer(status: u16, retry_after: Option<&str>, body: Vec<u8>) -> Taken {
    let mut answer = Response::builder().status(status);
    if let Some(retry_after) = retry_after {
        answer = answer.header("retry-after", retry_after);
    }
    judge(&answer.body(Bytes::from(body)).unwrap())
}

#[test]
fn four_statuses_are_worth_another_attempt() {
    for status in [429, 502, 503, 504] {
        assert!(matches!(
            answer(status, None, Vec::new()),
            Taken::Later(_, None)
        ));
    }
    let seconds = answer(503, Some("7"), Vec::new());
    assert!(matches!(seconds, Taken::Later(_, Some(wait)) if wait == Duration::from_secs(7)));
    for status in [301, 400, 401, 404, 413, 500, 501] {
        assert!(
            matches!(answer(status, Some("1"), Vec::new()), Taken::Never(_)),
            "{status}"
        );
    }
}

#[test]
fn a_success_may_be_one_in_part() {
    let body = |rejected_spans, error_message: &str| {
        let partial_success = ExportTracePartialSuccess {
            rejected_spans,
            error_message: error_message.to_owned(),
        };
        let response = ExportTraceServiceResponse {
            partial_success: Some(partial_success),
        };
        response.encode_to_vec()
    };
    for (bytes, rejected) in [
        (Vec::new(), 0),
        (body(0, "a warning"), 0),
        (body(3, "too long ago"), 3),
        (body(300, ""), 300),
        (b"{\"partialSuccess\":{}}".to_vec(), 0),
        (vec![0x0a, 0xff], 0),
        (vec![0xff; 20], 0),
    ] {
        assert_eq!(answer(200, None, bytes), Taken::Rejected(rejected));
    }
}

//! A login's answer received without a running proxy: nothing but the redirect URI is served, with the same pages, until a
//! login has come to its end.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::{Method, Request, StatusCode};
use hyper::body::Incoming;
use tokio::net::TcpListener;
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinSet;

use super::origin::Names;
use super::page::{self, Answer, method_not_allowed, text};
use super::{Asked, accept, foreign, login};
use crate::login::{Desk, Failed, Place};

/// How long a browser has for the last page's stylesheet.
const LINGER: Duration = Duration::from_secs(2);

struct Alone {
    desk: Arc<Desk>,
    names: Names,
    path: String,
    ended: mpsc::Sender<Result<Place, Failed>>,
    styled: Notify,
}

/// Waits for the browser at the redirect URI's `path`. Answers that belong to no login get a page, and are waited past.
/// `None`: nothing can come any more.
pub async fn receive(
    listeners: Vec<TcpListener>,
    desk: Arc<Desk>,
    path: String,
) -> Option<Result<Place, Failed>> {
    let (ended, mut outcome) = mpsc::channel(1);
    let alone = Arc::new(Alone {
        names: Names::new(desk.redirect_uris(), &[]),
        desk,
        path,
        ended,
        styled: Notify::new(),
    });
    let mut serving = JoinSet::new();
    for listener in listeners {
        let alone = Arc::clone(&alone);
        let answer = move |request, peer| {
            let alone = Arc::clone(&alone);
            async move { alone.answer(request, peer).await }
        };
        serving.spawn(accept(listener, answer));
    }
    let outcome = outcome.recv().await;
    // Whether the page has its style is the browser's affair.
    let _styled = tokio::time::timeout(LINGER, alone.styled.notified()).await;
    outcome
}

impl Alone {
    async fn answer(&self, request: Request<Incoming>, peer: IpAddr) -> Answer {
        let (parts, _body) = request.into_parts();
        let asked = Asked {
            parts,
            peer,
            now: Instant::now(),
        };
        if let Some(refusal) = foreign(&asked, &self.names, asked.path() == self.path) {
            return refusal;
        }
        if asked.path() == "/style.css" {
            self.styled.notify_one();
            return page::style();
        }
        if asked.path() != self.path {
            return text(
                StatusCode::NOT_FOUND,
                "A login is waited for here, and nothing else.\n",
            );
        }
        if asked.parts.method != Method::GET {
            return method_not_allowed("GET");
        }
        let query = asked.parts.uri.query().unwrap_or_default();
        let outcome = self.desk.finish(query, None, asked.now).await;
        let answer = match &outcome {
            Ok(place) => login::logged_in(place, self.desk.are_kept()),
            Err(failed) => login::not_logged_in(failed, false),
        };
        let goes_on = outcome.as_ref().is_err_and(|failed| failed.place.is_none());
        if !goes_on {
            // One outcome is enough; later ones find the channel full.
            let _told = self.ended.try_send(outcome);
        }
        answer
    }
}

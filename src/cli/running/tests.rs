//! Which failure is the caller's, and what is advised for each refusal.

use super::*;

/// Asking with this configuration fails so, with these words.
fn check(text: &str, place: &Place, expected: Status, words: &str) {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("sfmc-auth-proxy.toml"), text).unwrap();
    fs::write(folder.path().join("two lines"), "one\ntwo\n").unwrap();
    let sources = Sources {
        working_directory: folder.path().to_owned(),
        ..Sources::default()
    };
    let trouble = ask(&sources, place).unwrap_err();
    assert_eq!(trouble.status(), expected, "{trouble}");
    assert!(trouble.to_string().contains(words), "{trouble}");
}

fn at(url: &str) -> Place {
    Place {
        url: Some(url.to_owned()),
        admin_token_file: None,
    }
}

#[test]
fn what_was_typed_or_configured_wrong_is_a_usage_error() {
    let fine = "[admin]\nlisten = \"127.0.0.1:1\"\n";
    let here = Place::default();
    check(
        fine,
        &at("nonsense"),
        Status::Usage,
        "--url wants the http URL",
    );
    for (file, words) in [
        ("none", "--admin-token-file: "),
        ("two lines", "no header can carry"),
    ] {
        let place = Place {
            admin_token_file: Some(file.into()),
            ..at("http://127.0.0.1:1")
        };
        check(fine, &place, Status::Usage, words);
    }
    check("[admin", &here, Status::Usage, "the configuration does not");
    let free = "[admin]\nlisten = \"127.0.0.1:0\"\n";
    check(free, &here, Status::Usage, "admin.listen has port 0");
    let short = format!("{fine}token = \"short\"\n");
    check(&short, &here, Status::Usage, "admin.token");
    // Nobody has port 1.
    check(
        fine,
        &here,
        Status::Failure,
        "no running proxy can be asked",
    );
}

#[test]
fn each_refusal_says_what_to_do_about_it() {
    for (status, has_token, words) in [
        (401, true, "does not take the admin token"),
        (401, false, "wants the admin token"),
        (403, false, "Set admin.token_file in the configuration of"),
        (403, true, "Set admin.token_file in the configuration of"),
        (404, false, "is no sfmc-auth-proxy"),
        (421, false, "or add the name to listen.allowed_hosts of"),
        (429, true, "wait a minute"),
        (500, false, "answers 500"),
    ] {
        let status = StatusCode::from_u16(status).unwrap();
        let judged = judge("gateway:7363", status, b"", has_token);
        let why = judged.unwrap_err();
        assert!(why.contains(words), "{why}");
        assert!(
            why.starts_with("gateway:7363 ") && why.contains(status.as_str()) || status == 404,
            "{why}"
        );
    }
}

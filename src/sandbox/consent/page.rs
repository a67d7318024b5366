//! The pages that a user sees, for any browser and without scripts.
//!
//! Whatever a request said is escaped before it stands in a page.

use crate::sandbox::answer::{self, Answer};
use crate::sandbox::logins::Asked;

/// No script, no frame, nothing from elsewhere. `form-action` is left out: some browsers hold redirects to it too.
const POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'";

/// A page with its headers.
pub(super) fn answer(status: u16, page: String) -> Answer {
    let mut answer = answer::whole(status, "text/html; charset=utf-8", page);
    for (name, value) in [
        ("content-security-policy", POLICY),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
    ] {
        answer::set_header(&mut answer, name, value);
    }
    answer
}

/// The question itself: who wants what, and two buttons.
pub(super) fn question(action: &str, consent: &str, client_id: &str, asked: &Asked) -> String {
    let scopes: String = asked
        .scopes
        .iter()
        .map(|scope| format!("<li><code>{}</code></li>", escaped(scope)))
        .collect();
    let body = format!(
        "<h1>Allow access?</h1>\
         <p>The package <code>{}</code> asks to act for you in this simulated tenant, and to be answered at \
         <code>{}</code>.</p>\
         <ul>{scopes}</ul>\
         <form method=\"post\" action=\"{}\">\
         <input type=\"hidden\" name=\"consent\" value=\"{}\">\
         <button name=\"decision\" value=\"allow\">Allow</button> \
         <button name=\"decision\" value=\"deny\">Deny</button>\
         </form>",
        escaped(client_id),
        escaped(&asked.redirect_uri),
        escaped(action),
        escaped(consent),
    );
    page("Allow access?", &body)
}

/// Why nothing can be asked.
pub(super) fn fault(error: &str, words: &str) -> String {
    let body = format!(
        "<h1>This login cannot go on</h1><p><code>{}</code>: {}</p>",
        escaped(error),
        escaped(words)
    );
    page("This login cannot go on", &body)
}

fn page(title: &str, body: &str) -> String {
    format!(
        "<!DOCTYPE html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\"><title>{title} - sandbox tenant</title>\
         <style>body{{font:1rem/1.5 system-ui,sans-serif;max-width:40rem;margin:3rem auto;padding:0 1rem}}\
         ul{{max-height:15rem;overflow:auto}}button{{font:inherit;padding:.4rem 1.2rem}}\
         code{{overflow-wrap:anywhere}}</style></head><body><main>{body}</main></body></html>"
    )
}

fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            letter => escaped.push(letter),
        }
    }
    escaped
}

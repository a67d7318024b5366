//! Pages: rendered here, without scripts, and escaped by one function. What a page shows is decided elsewhere.

use bytes::Bytes;
use http::header::{
    ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, LOCATION, REFERRER_POLICY,
    RETRY_AFTER, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use http_body_util::Full;

pub(super) type Answer = Response<Full<Bytes>>;

/// `form-action` is left out on purpose: browsers hold it against redirects after a form too, and the form for a login
/// leads to the vendor. Where forms may lead is decided by the pages, which nobody else can put markup into.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'",
);

/// Markup that can be trusted: what comes from outside is escaped on its way in.
#[derive(Default)]
pub(super) struct Markup {
    text: String,
    has_form: bool,
}

impl Markup {
    /// Markup of our own.
    pub(super) fn raw(mut self, markup: &'static str) -> Self {
        self.text.push_str(markup);
        self.has_form |= markup.contains("<form");
        self
    }

    /// Anything, as text or as a quoted attribute.
    pub(super) fn text(mut self, text: &str) -> Self {
        escape(text, &mut self.text);
        self
    }

    /// A number.
    pub(super) fn number(self, number: u64) -> Self {
        self.text(&number.to_string())
    }

    /// More markup behind this.
    pub(super) fn then(mut self, more: &Self) -> Self {
        self.text.push_str(&more.text);
        self.has_form |= more.has_form;
        self
    }

    /// For each of these, what `write` makes of it.
    pub(super) fn each<T>(
        self,
        items: impl IntoIterator<Item = T>,
        write: impl FnMut(Self, T) -> Self,
    ) -> Self {
        items.into_iter().fold(self, write)
    }

    /// `yes` if that holds.
    pub(super) fn raw_if(self, holds: bool, yes: &'static str) -> Self {
        if holds { self.raw(yes) } else { self }
    }
}

fn escape(text: &str, into: &mut String) {
    for letter in text.chars() {
        match letter {
            '&' => into.push_str("&amp;"),
            '<' => into.push_str("&lt;"),
            '>' => into.push_str("&gt;"),
            '"' => into.push_str("&quot;"),
            '\'' => into.push_str("&#39;"),
            letter => into.push(letter),
        }
    }
}

/// A page with this heading.
pub(super) fn page(status: StatusCode, title: &'static str, content: &Markup) -> Answer {
    let body = Markup::default()
        .raw("<main>\n<h1")
        .raw_if(!status.is_success(), " class=\"bad\"")
        .raw(">")
        .raw(title)
        .raw("</h1>\n")
        .then(content)
        .raw("</main>\n");
    document(status, title, &Markup::default(), &body)
}

/// A page whose body is laid out by itself. `head` goes into its head.
pub(super) fn document(
    status: StatusCode,
    title: &'static str,
    head: &Markup,
    body: &Markup,
) -> Answer {
    let whole = Markup::default()
        .raw("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n")
        .raw("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n")
        .raw("<meta name=\"color-scheme\" content=\"light dark\">\n<title>")
        .raw(title)
        .raw(" - sfmc-auth-proxy</title>\n<link rel=\"stylesheet\" href=\"/style.css\">\n")
        .then(head)
        .raw("</head>\n<body>\n")
        .then(body)
        .raw("</body>\n</html>\n");
    let mut answer = answer(status, whole.text, "text/html; charset=utf-8");
    if body.has_form {
        // Under no-referrer a browser says `Origin: null` with a form, which could be anyone's.
        let headers = answer.headers_mut();
        headers.insert(REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    }
    answer
}

/// Words for programs.
pub(super) fn text(status: StatusCode, words: &str) -> Answer {
    answer(status, words.to_owned(), "text/plain; charset=utf-8")
}

/// What happened and what to do: a page for browsers, plain words for all others.
pub(super) fn trouble(
    headers: &HeaderMap,
    status: StatusCode,
    title: &'static str,
    what: &str,
    fix: &str,
) -> Answer {
    if !wants_page(headers) {
        return text(status, &format!("{title}: {what}. {fix}\n"));
    }
    page(status, title, &told(what, fix))
}

/// What happened and what to do, as two paragraphs.
pub(super) fn told(what: &str, fix: &str) -> Markup {
    let markup = Markup::default().raw("<p>").text(&sentence(what));
    markup.raw("</p>\n<p>").text(fix).raw("</p>\n")
}

/// Only this may be asked here.
pub(super) fn method_not_allowed(allow: &'static str) -> Answer {
    let mut answer = text(StatusCode::METHOD_NOT_ALLOWED, &format!("{allow} only.\n"));
    let headers = answer.headers_mut();
    headers.insert(ALLOW, HeaderValue::from_static(allow));
    answer
}

/// Go there with a GET.
pub(super) fn see_other(location: &str) -> Answer {
    let Ok(location) = HeaderValue::try_from(location) else {
        return text(StatusCode::INTERNAL_SERVER_ERROR, "No such address.\n");
    };
    with(text(StatusCode::SEE_OTHER, ""), LOCATION, location)
}

/// JSON for programs.
pub(super) fn json(value: &impl serde::Serialize) -> Answer {
    match serde_json::to_string(value) {
        Ok(text) => answer(StatusCode::OK, text, "application/json"),
        Err(error) => {
            tracing::error!(cause = %error, "the status could not be written");
            text(
                StatusCode::INTERNAL_SERVER_ERROR,
                "The status could not be written; the log says why.\n",
            )
        }
    }
}

/// The stylesheet: it says nothing of what is served here.
pub(super) fn style() -> Answer {
    let style = include_str!("style.css").to_owned();
    answer(StatusCode::OK, style, "text/css; charset=utf-8")
}

/// Come again after so many seconds.
pub(super) fn later(answer: Answer, seconds: u64) -> Answer {
    with(answer, RETRY_AFTER, HeaderValue::from(seconds))
}

/// With one more header.
pub(super) fn with(mut answer: Answer, name: HeaderName, value: HeaderValue) -> Answer {
    answer.headers_mut().append(name, value);
    answer
}

/// Whether a person with a browser asks.
pub(super) fn wants_page(headers: &HeaderMap) -> bool {
    let accept = headers.get(http::header::ACCEPT);
    let accept = accept.and_then(|accept| accept.to_str().ok());
    accept.is_some_and(|accept| accept.contains("text/html"))
}

fn answer(status: StatusCode, body: String, media_type: &'static str) -> Answer {
    let mut answer = Response::new(Full::new(Bytes::from(body)));
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    for (name, value) in [
        (CONTENT_TYPE, HeaderValue::from_static(media_type)),
        (CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    ] {
        headers.insert(name, value);
    }
    answer
}

fn sentence(words: &str) -> String {
    let mut letters = words.chars();
    let first = letters.next().map(char::to_uppercase);
    let rest = letters.as_str();
    let end = if rest.ends_with('.') { "" } else { "." };
    first
        .into_iter()
        .flatten()
        .chain(rest.chars())
        .collect::<String>()
        + end
}

//! Actions on the running proxy, all of them by POST: who may, and what they say of it. Programs show the admin token where one
//! is configured; browsers send a form of their own session, whatever else they show.

use std::collections::HashMap;
use std::fmt;

use http::header::{COOKIE, ORIGIN};
use http::{HeaderMap, StatusCode};
use http_body::Body;
use hyper::body::Incoming;

use super::form::Form;
use super::gate::Wanted;
use super::page::{Answer, method_not_allowed, text};
use super::session::Ticket;
use super::sign_in::stale_form;
use super::{Admin, Asked};

/// Who acts, for the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Actor {
    /// Somebody with the admin token.
    Token,
    /// Somebody on this machine, where no token is configured.
    Neighbour,
    /// A browser, by its session's number.
    Session(u64),
}

impl fmt::Display for Actor {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Token => formatter.write_str("the admin token"),
            Self::Neighbour => formatter.write_str("a program on this machine"),
            Self::Session(number) => write!(formatter, "browser session {number}"),
        }
    }
}

/// What an action was sent with, each field once.
pub(super) struct Fields {
    form: Form,
    query: HashMap<String, String>,
}

impl Fields {
    /// A field; `None` where there is none, or nothing in it.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let in_query = self.query.get(name).map_or("", String::as_str);
        let field = Some(self.form.field(name)).filter(|field| !field.is_empty());
        field.or_else(|| Some(in_query).filter(|field| !field.is_empty()))
    }

    /// Those that are none of these.
    pub(super) fn others(&self, known: &[&str]) -> Option<String> {
        let mut names = self.query.keys().chain(self.form.names());
        names.find(|name| !known.contains(&name.as_str())).cloned()
    }
}

impl Admin {
    /// Reads an action and judges who sends it; the gate has let them pass.
    pub(super) async fn action(
        &self,
        asked: &Asked,
        ticket: Option<Ticket>,
        body: Incoming,
    ) -> Result<(Actor, Fields), Box<Answer>> {
        if asked.parts.method != http::Method::POST {
            return Err(Box::new(method_not_allowed("POST")));
        }
        let form = if body.is_end_stream() {
            Form::default()
        } else {
            Form::read(&asked.parts.headers, body).await?
        };
        let query = asked.parts.uri.query().unwrap_or_default();
        let mut fields = HashMap::new();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let is_double = !form.field(&name).is_empty();
            if is_double
                || fields
                    .insert(name.into_owned(), value.into_owned())
                    .is_some()
            {
                let words = text(StatusCode::BAD_REQUEST, "A field came twice.\n");
                return Err(Box::new(words));
            }
        }
        let actor = if is_browser(&asked.parts.headers) {
            match self.own_form(ticket, &form) {
                Some(ticket) => Actor::Session(ticket.number),
                None => return Err(Box::new(stale_form(asked))),
            }
        } else if self.gate.wanted() == Wanted::Token {
            Actor::Token
        } else {
            Actor::Neighbour
        };
        let query = fields;
        Ok((actor, Fields { form, query }))
    }
}

/// A browser sends what it has for this place by itself, so that more is wanted of it than that.
fn is_browser(headers: &HeaderMap) -> bool {
    headers.contains_key(ORIGIN)
        || headers.contains_key(COOKIE)
        || headers.contains_key("sec-fetch-site")
}

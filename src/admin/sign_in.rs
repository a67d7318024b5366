//! Showing the admin token: with every request as Bearer, or once in a form, for a session.

use http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use hyper::body::Incoming;

use super::form::Form;
use super::gate::{Verdict, Wanted};
use super::page::{self, Answer, Markup, method_not_allowed, page, see_other, trouble};
use super::session::Ticket;
use super::{Admin, Asked, CALLBACK, no_random_numbers, with_cookie};

/// Where a browser goes after signing in, if nothing better is known.
const HOME: &str = "/";
/// Where logins begin, which is all that some let through from outside.
const LOGINS: &str = "/login";

impl Admin {
    /// Lets those pass who may see more than health and metrics; gives their session, if they have one.
    pub(super) fn admit(&self, asked: &Asked) -> Result<Option<Ticket>, Box<Answer>> {
        let ticket = self.sessions.find(&asked.parts.headers, asked.now);
        match self.gate.wanted() {
            Wanted::Nothing => return Ok(ticket),
            Wanted::Configuration => return Err(Box::new(shut(asked))),
            Wanted::Token => {}
        }
        if ticket.as_ref().is_some_and(|ticket| ticket.is_signed_in) {
            return Ok(ticket);
        }
        let Some(token) = bearer(asked) else {
            let target = asked.parts.uri.path_and_query();
            let next = match target {
                // What came back is of no use without the session that it was begun in.
                Some(target) if target.path() == CALLBACK => LOGINS,
                target => target.map_or(HOME, |target| target.as_str()),
            };
            return Err(Box::new(self.ask(asked, ticket, next, None)));
        };
        match self.judge(asked, token) {
            Ok(()) => Ok(ticket),
            Err(refusal) => Err(Box::new(refused(asked, refusal))),
        }
    }

    /// `/sign-in`: the form, and what it brings.
    pub(super) async fn sign_in(&self, asked: &Asked, body: Incoming) -> Answer {
        match self.gate.wanted() {
            Wanted::Nothing => return see_other(HOME),
            Wanted::Configuration => return shut(asked),
            Wanted::Token => {}
        }
        let headers = &asked.parts.headers;
        let ticket = self.sessions.find(headers, asked.now);
        if asked.is_get() {
            return self.ask(asked, ticket, HOME, None);
        }
        if asked.parts.method != http::Method::POST {
            return method_not_allowed("GET, HEAD, POST");
        }
        let form = match Form::read(headers, body).await {
            Ok(form) => form,
            Err(wrong) => return *wrong,
        };
        let Some(ticket) = self.own_form(ticket, &form) else {
            return stale_form(asked);
        };
        // A form says where it comes from, which the page before may not have known.
        let ticket = ticket.secured(self.names.asked_as_https(headers));
        let next = inside(form.field("next"));
        match self.judge(asked, form.field("token")) {
            Ok(()) => match self.sessions.rotate(&ticket, true, asked.now) {
                Ok(ticket) => with_cookie(see_other(next), &ticket),
                Err(_unspecified) => no_random_numbers(),
            },
            Err(refusal) => self.ask(asked, Some(ticket), next, Some(refusal)),
        }
    }

    /// The session of a form, if the form is one of that session's.
    pub(super) fn own_form(&self, ticket: Option<Ticket>, form: &Form) -> Option<Ticket> {
        let presented = form.field("form_token");
        ticket.filter(|ticket| self.sessions.is_form_token(ticket, presented))
    }

    fn judge(&self, asked: &Asked, token: &str) -> Result<(), Refusal> {
        match self.gate.judge(token, asked.peer, asked.now) {
            Verdict::Right => Ok(()),
            Verdict::Wrong => {
                tracing::warn!(peer = %asked.peer, "a wrong admin token");
                Err(Refusal::Wrong)
            }
            Verdict::TooMany(seconds) => Err(Refusal::TooMany(seconds)),
        }
    }

    /// Asks for the token: browsers by a form, others by words.
    fn ask(
        &self,
        asked: &Asked,
        ticket: Option<Ticket>,
        next: &str,
        refusal: Option<Refusal>,
    ) -> Answer {
        let headers = &asked.parts.headers;
        if !page::wants_page(headers) && asked.path() != "/sign-in" {
            return refused(asked, refusal.unwrap_or(Refusal::Missing));
        }
        let Ok(ticket) = self.ticket(asked, ticket, false) else {
            return no_random_numbers();
        };
        let said = refusal.as_ref().map_or("", Refusal::what);
        let content = Markup::default()
            .raw_if(!said.is_empty(), "<p class=\"bad\">")
            .text(said)
            .raw_if(!said.is_empty(), "</p>\n")
            .raw("<form method=\"post\" action=\"/sign-in\">\n<input type=\"hidden\" name=\"form_token\" value=\"")
            .text(&self.sessions.form_token(&ticket))
            .raw("\">\n<input type=\"hidden\" name=\"next\" value=\"")
            .text(inside(next))
            .raw("\">\n<label>Admin token\n<input type=\"password\" name=\"token\" ")
            .raw("autocomplete=\"current-password\" required autofocus>\n</label>\n")
            .raw("<button type=\"submit\">Sign in</button>\n</form>\n");
        let status = match &refusal {
            None if asked.path() == "/sign-in" => StatusCode::OK,
            refusal => refusal
                .as_ref()
                .map_or(StatusCode::UNAUTHORIZED, Refusal::status),
        };
        with_cookie(page(status, "Sign in", &content), &ticket)
    }
}

/// Why somebody may not pass.
#[derive(Clone, Copy)]
enum Refusal {
    Missing,
    Wrong,
    TooMany(u64),
}

impl Refusal {
    fn status(&self) -> StatusCode {
        match self {
            Self::Missing | Self::Wrong => StatusCode::UNAUTHORIZED,
            Self::TooMany(_) => StatusCode::TOO_MANY_REQUESTS,
        }
    }

    fn what(&self) -> &'static str {
        match self {
            Self::Missing => "this wants the admin token",
            Self::Wrong => "this is not the admin token",
            Self::TooMany(_) => "too many wrong tokens came from this address; wait a minute",
        }
    }
}

fn refused(asked: &Asked, refusal: Refusal) -> Answer {
    let answer = trouble(
        &asked.parts.headers,
        refusal.status(),
        "Not admitted",
        refusal.what(),
        "Send Authorization: Bearer with what is in admin.token_file, or sign in at /sign-in.",
    );
    match refusal {
        Refusal::TooMany(seconds) => page::later(answer, seconds),
        _ => page::with(
            answer,
            WWW_AUTHENTICATE,
            HeaderValue::from_static("Bearer realm=\"sfmc-auth-proxy admin\""),
        ),
    }
}

fn shut(asked: &Asked) -> Answer {
    trouble(
        &asked.parts.headers,
        StatusCode::FORBIDDEN,
        "Not admitted",
        "this listener is bound beyond loopback, and no admin token is configured",
        "Set admin.token_file, or bind admin.listen to a loopback address. Health paths and /metrics need no token.",
    )
}

pub(super) fn stale_form(asked: &Asked) -> Answer {
    trouble(
        &asked.parts.headers,
        StatusCode::FORBIDDEN,
        "This form has expired",
        "the form was not made for this session, or the session has ended",
        "Open the page anew, with cookies allowed, and send the form from there.",
    )
}

fn bearer(asked: &Asked) -> Option<&str> {
    let value = asked.parts.headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme
        .eq_ignore_ascii_case("bearer")
        .then_some(token.trim())
}

/// A page of ours to go on at: nobody's link leads elsewhere by way of the sign-in.
pub(super) fn inside(next: &str) -> &str {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/?=-".contains(&byte);
    let is_of_login = |rest: &str| {
        let begins = rest.is_empty() || rest.starts_with(['/', '?']);
        begins && !rest.contains("//") && rest.bytes().all(plain)
    };
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let is_ours = matches!(next, "/log" | "/status.json")
        || next.strip_prefix("/?refresh=").is_some_and(is_number)
        || next.strip_prefix("/login").is_some_and(is_of_login);
    if is_ours { next } else { HOME }
}

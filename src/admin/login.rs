//! Pages for logins: one button that leads to the vendor, and what is shown when the browser comes back. What a login is,
//! and whether it went well, is the desk's matter.

use http::{Method, StatusCode, Uri};
use hyper::body::Incoming;

use super::form::Form;
use super::origin::{Elsewhere, elsewhere, is_https};
use super::page::{Answer, Markup, method_not_allowed, page, see_other, told, trouble, wants_page};
use super::session::Ticket;
use super::sign_in::stale_form;
use super::{Admin, Asked, no_random_numbers, with_cookie};
use crate::login::{Failed, LoginError, Place};

impl Admin {
    /// `/login`: the tenants that take one.
    pub(super) fn all_logins(&self, asked: &Asked) -> Answer {
        if !asked.is_get() {
            return method_not_allowed("GET, HEAD");
        }
        let tenants = self.desk.tenants();
        if tenants.is_empty() {
            let fix = "A tenant with grant = \"authorization_code\" does; all others get their tokens without anybody.";
            let content = told("no tenant takes a login", fix);
            return page(StatusCode::OK, "Logins", &content);
        }
        let mut content = Markup::default().raw("<ul>\n");
        for tenant in tenants {
            content = content.raw("<li>");
            content = self.links(content, tenant).raw("</li>\n");
        }
        page(StatusCode::OK, "Logins", &content.raw("</ul>\n"))
    }

    /// `/login/TENANT`: the page with the button, and what the button does.
    pub(super) async fn login(
        &self,
        asked: &Asked,
        tenant: &str,
        ticket: Option<Ticket>,
        body: Incoming,
    ) -> Answer {
        let in_query = account_in_query(&asked.parts.uri);
        match asked.parts.method {
            Method::GET | Method::HEAD => match self.desk.place(tenant, in_query.as_deref()) {
                Ok(place) => self.button(asked, &place, ticket),
                Err(error) => self.not_begun(asked, tenant, &error),
            },
            Method::POST => {
                let form = match Form::read(&asked.parts.headers, body).await {
                    Ok(form) => form,
                    Err(wrong) => return *wrong,
                };
                let Some(ticket) = self.own_form(ticket, &form) else {
                    return stale_form(asked);
                };
                let in_form = Some(form.field("account")).filter(|name| !name.is_empty());
                let account = in_form.or(in_query.as_deref());
                let session = Some(ticket.number);
                match self.desk.begin(tenant, account, session, asked.now) {
                    Ok(url) => see_other(&url),
                    Err(error) => self.not_begun(asked, tenant, &error),
                }
            }
            _ => method_not_allowed("GET, HEAD, POST"),
        }
    }

    /// `/oauth/callback`: where the vendor sends the browser back to.
    pub(super) async fn callback(&self, asked: &Asked, ticket: Option<&Ticket>) -> Answer {
        if asked.parts.method != Method::GET {
            return method_not_allowed("GET");
        }
        let query = asked.parts.uri.query().unwrap_or_default();
        let session = ticket.map(|ticket| ticket.number);
        let place = match self.desk.finish(query, session, asked.now).await {
            Ok(place) => place,
            Err(failed) => return not_logged_in(&failed, true),
        };
        let answer = logged_in(&place, self.desk.are_kept());
        let Some(ticket) = ticket else {
            return answer;
        };
        match self.sessions.rotate(ticket, ticket.is_signed_in, asked.now) {
            Ok(ticket) => with_cookie(answer, &ticket),
            // The login is done; the old session is gone, and that is all that it needs.
            Err(_unspecified) => answer,
        }
    }

    fn button(&self, asked: &Asked, place: &Place, ticket: Option<Ticket>) -> Answer {
        let headers = &asked.parts.headers;
        let away = match elsewhere(headers, &place.redirect_uri) {
            Elsewhere::Here => None,
            Elsewhere::SameMachine(origin) => return see_other(&(origin + &address(place))),
            Elsewhere::Perhaps(origin) => Some(origin + &address(place)),
        };
        let is_secure = is_https(&place.redirect_uri);
        let Ok(ticket) = self.ticket(asked, ticket, is_secure) else {
            return no_random_numbers();
        };
        let mut content = Markup::default()
            .raw("<p>Log in at Salesforce, so that the proxy can call <strong>")
            .text(&place.to_string())
            .raw("</strong> as you. Your password stays between you and Salesforce.</p>\n");
        if let Some(away) = &away {
            content = content
                .raw("<p>This login comes back to another address than the one you are at. Go on at <a href=\"")
                .text(away)
                .raw("\">")
                .text(away)
                .raw("</a>, unless that is what leads here.</p>\n");
        }
        let content = content
            .raw("<form method=\"post\" action=\"/login/")
            .text(&place.tenant)
            .raw("\">\n<input type=\"hidden\" name=\"form_token\" value=\"")
            .text(&self.sessions.form_token(&ticket))
            .raw("\">\n<input type=\"hidden\" name=\"account\" value=\"")
            .text(place.account.as_deref().unwrap_or_default())
            .raw("\">\n<button type=\"submit\">Log in</button>\n</form>\n");
        with_cookie(page(StatusCode::OK, "Log in", &content), &ticket)
    }

    fn not_begun(&self, asked: &Asked, tenant: &str, error: &LoginError) -> Answer {
        let status = match error {
            LoginError::Tenant { .. } | LoginError::Account { .. } => StatusCode::NOT_FOUND,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        };
        let title = "No such login";
        if !wants_page(&asked.parts.headers) {
            let what = error.to_string();
            return trouble(&asked.parts.headers, status, title, &what, error.fix());
        }
        let mut content = told(&error.to_string(), error.fix());
        let tenant = tenant.to_ascii_lowercase();
        if self.desk.tenants().contains(&tenant.as_str()) {
            content = self.links(content.raw("<p>"), &tenant).raw("</p>\n");
        }
        page(status, title, &content)
    }

    /// Links to the pages of a tenant's accounts.
    fn links(&self, content: Markup, tenant: &str) -> Markup {
        let accounts = self.desk.accounts(tenant);
        let accounts = accounts.into_iter().map(Some);
        let all = std::iter::once(None).chain(accounts);
        let known = all.filter_map(|account| self.desk.place(tenant, account).ok());
        known.fold(content, |content, place| {
            content
                .raw("<a href=\"")
                .text(&address(&place))
                .raw("\">")
                .text(&place.to_string())
                .raw("</a> ")
        })
    }
}

/// The page of a login that went well.
pub(super) fn logged_in(place: &Place, are_kept: bool) -> Answer {
    let lasting = if place.is_core {
        "It lasts until somebody revokes it, or until the connected app's refresh token policy ends it."
    } else {
        "It is renewed with every token, and lasts as long as the proxy goes on working: Marketing Cloud ends a login that \
         was not renewed for 30 days, unless the package says otherwise."
    };
    let kept = if are_kept {
        "It is kept across restarts."
    } else {
        "It ends with this process, because no [state] is configured."
    };
    let mut content = Markup::default()
        .raw("<p>The proxy now calls <strong>")
        .text(&place.to_string());
    content = match place.mid {
        Some(mid) => content
            .raw("</strong> (account ")
            .text(&mid.to_string())
            .raw(") as you.</p>\n<p>"),
        None => content.raw("</strong> as you.</p>\n<p>"),
    };
    let content = content
        .raw("Nothing more is to be done, and this page can be closed. ")
        .raw(lasting)
        .raw(" ")
        .raw(kept)
        .raw("</p>\n");
    page(StatusCode::OK, "Logged in", &content)
}

/// The page of a login that failed. `has_pages`: it can be begun again here.
pub(super) fn not_logged_in(failed: &Failed, has_pages: bool) -> Answer {
    let status = match failed.error {
        LoginError::Denied { .. } | LoginError::OtherSession => StatusCode::FORBIDDEN,
        LoginError::NotRedeemed(_) => StatusCode::BAD_GATEWAY,
        LoginError::Random => StatusCode::INTERNAL_SERVER_ERROR,
        _ => StatusCode::BAD_REQUEST,
    };
    let mut content = Markup::default();
    if let Some(place) = &failed.place {
        content = content
            .raw("<p>This login was for <strong>")
            .text(&place.to_string())
            .raw("</strong>.</p>\n");
    }
    content = content
        .raw("<p>")
        .text(&failed.error.to_string())
        .raw("</p>\n<p>")
        .text(failed.error.fix())
        .raw("</p>\n");
    if has_pages {
        // A link, since a form here would tell its address, and with it the code, to the next page.
        let again = failed.place.as_ref().map(address);
        content = content
            .raw("<p><a class=\"button\" href=\"")
            .text(again.as_deref().unwrap_or("/login"))
            .raw("\">Try again</a></p>\n");
    }
    page(status, "Not logged in", &content)
}

/// The page of this login. Names of tenants and accounts need no escapes.
fn address(place: &Place) -> String {
    let tenant = &place.tenant;
    match &place.account {
        Some(account) => format!("/login/{tenant}?account={account}"),
        None => format!("/login/{tenant}"),
    }
}

fn account_in_query(uri: &Uri) -> Option<String> {
    let query = uri.query().unwrap_or_default();
    let mut pairs = form_urlencoded::parse(query.as_bytes());
    let account = pairs.find(|(name, _value)| name == "account");
    account
        .map(|(_name, value)| value.into_owned())
        .filter(|account| !account.is_empty())
}

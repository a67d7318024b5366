//! `/log`: what is logged, and another level or share for a time. What is configured holds again by itself.

use std::time::Duration;

use http::header::CONTENT_TYPE;
use http::{HeaderValue, StatusCode};
use hyper::body::Incoming;
use serde_json::json;
use tracing::Level;

use super::action::{Actor, Fields};
use super::page::{Answer, Markup, page, see_other, text, wants_page};
use super::session::Ticket;
use super::{Admin, Asked, no_random_numbers, with_cookie};
use crate::telemetry::{self, Change, InForce};

/// How long a change holds if nothing else is said,
const TIME: Duration = Duration::from_mins(15);
/// and at most: a forgotten `trace` fills a disk.
const TIME_MAX: Duration = Duration::from_hours(24);
const LEVELS: [&str; 5] = ["error", "warn", "info", "debug", "trace"];
const FIELDS: [&str; 4] = ["level", "sample", "for", "form_token"];

impl Admin {
    /// Shows what holds, or makes something else hold for a time.
    pub(super) async fn log(
        &self,
        asked: &Asked,
        ticket: Option<Ticket>,
        body: Incoming,
    ) -> Answer {
        let is_page = wants_page(&asked.parts.headers);
        if asked.is_get() {
            return if is_page {
                self.log_page(asked, ticket)
            } else {
                shown()
            };
        }
        let (actor, fields) = match self.action(asked, ticket, body).await {
            Ok(action) => action,
            Err(refusal) => return *refusal,
        };
        match read(&fields) {
            Ok((change, time)) => change_for(change, time, actor, asked),
            Err(words) => return text(StatusCode::BAD_REQUEST, &format!("{words}\n")),
        }
        if is_page { see_other("/log") } else { shown() }
    }

    fn log_page(&self, asked: &Asked, ticket: Option<Ticket>) -> Answer {
        let Ok(ticket) = self.ticket(asked, ticket, false) else {
            return no_random_numbers();
        };
        let InForce {
            level,
            sample,
            until,
        } = telemetry::in_force();
        let level = name(level);
        let holds = match until {
            None => "as it is configured".to_owned(),
            Some(until) => format!("until {}", humantime::format_rfc3339_seconds(until)),
        };
        let content = Markup::default()
            .raw("<p>Level <strong>")
            .text(level)
            .raw("</strong>, sample <strong>")
            .text(&sample.to_string())
            .raw("</strong>, ")
            .text(&holds)
            .raw(".</p>\n<form method=\"post\" action=\"/log\">\n<input type=\"hidden\" name=\"form_token\" value=\"")
            .text(&self.sessions.form_token(&ticket))
            .raw("\">\n<label>Level\n<select name=\"level\">\n");
        let content = LEVELS.iter().fold(content, |content, known| {
            content
                .raw("<option")
                .raw_if(*known == level, " selected")
                .raw(">")
                .text(known)
                .raw("</option>\n")
        });
        let content = content
            .raw("</select></label>\n<label>Share of ordinary requests\n<input name=\"sample\" value=\"")
            .text(&sample.to_string())
            .raw("\"></label>\n<label>For\n<input name=\"for\" value=\"15m\"></label>\n")
            .raw("<button type=\"submit\">Change for that time</button>\n</form>\n");
        with_cookie(page(StatusCode::OK, "Log", &content), &ticket)
    }
}

/// For programs.
fn shown() -> Answer {
    let InForce {
        level,
        sample,
        until,
    } = telemetry::in_force();
    let mut shown = json!({"level": name(level), "sample": sample});
    if let (Some(until), Some(shown)) = (until, shown.as_object_mut()) {
        let until = humantime::format_rfc3339_seconds(until).to_string();
        shown.insert("until".to_owned(), json!(until));
    }
    let mut answer = text(StatusCode::OK, &format!("{shown}\n"));
    let media_type = HeaderValue::from_static("application/json");
    answer.headers_mut().insert(CONTENT_TYPE, media_type);
    answer
}

fn name(level: Level) -> &'static str {
    match level {
        Level::ERROR => "error",
        Level::WARN => "warn",
        Level::INFO => "info",
        Level::DEBUG => "debug",
        Level::TRACE => "trace",
    }
}

/// What is asked for, and for how long; or what is wrong with it.
fn read(fields: &Fields) -> Result<(Change, Duration), String> {
    if let Some(unknown) = fields.others(&FIELDS) {
        let unknown: String = unknown.chars().take(40).collect();
        return Err(format!(
            "{unknown:?} is not known here. Send level, sample and for."
        ));
    }
    let level = fields.get("level").map(|text| {
        let known = LEVELS.contains(&text);
        let level = known.then(|| text.parse().ok()).flatten();
        level.ok_or_else(|| format!("level is one of {}.", LEVELS.join(", ")))
    });
    let sample = fields.get("sample").map(|text| {
        let sample = text.parse().ok();
        let sample = sample.filter(|share| (0.0..=1.0).contains(share));
        sample.ok_or("sample is a number from 0 to 1.")
    });
    let time = fields.get("for").map(|text| {
        let time = humantime::parse_duration(text).ok();
        let time = time.filter(|time| (Duration::from_secs(1)..=TIME_MAX).contains(time));
        time.ok_or("for is a duration from 1s to 24h, as 15m.")
    });
    let change = Change {
        level: level.transpose()?,
        sample: sample.transpose()?,
    };
    if change.level.is_none() && change.sample.is_none() {
        return Err(
            "Say level, sample or both, and for how long, as level=debug&for=15m.".to_owned(),
        );
    }
    Ok((change, time.transpose()?.unwrap_or(TIME)))
}

/// The change itself, told in the log by whichever level says more.
fn change_for(change: Change, time: Duration, actor: Actor, asked: &Asked) {
    let before = telemetry::in_force().level;
    let tell = || {
        tracing::warn!(
            by = %actor,
            peer = %asked.peer,
            level = change.level.map(name),
            sample = change.sample,
            for_s = time.as_secs(),
            "the log's settings are changed for a time"
        );
    };
    let is_louder = change.level.is_some_and(|level| level > before);
    if !is_louder {
        tell();
    }
    let number = telemetry::change_for(change, time);
    if is_louder {
        tell();
    }
    tokio::spawn(async move {
        tokio::time::sleep(time).await;
        if telemetry::end_change(number) {
            tracing::warn!("the log's settings are as configured again");
        }
    });
}

//! A report as it is printed: lines for people while it goes on, or one JSON document at its end.

use std::io::Write;

use serde_json::{Value, json};

use crate::cli::{Status, counted, say};
use crate::doctor::{Mark, Stage, Step, Subject};

/// How marks look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Marks {
    /// On a terminal.
    Signs,
    /// In a file or a pipe, in plain ASCII.
    Words,
}

impl Marks {
    fn of(self, mark: Mark) -> &'static str {
        match (self, mark) {
            (Self::Signs, Mark::Ok) => "✓",
            (Self::Signs, Mark::Warning) => "!",
            (Self::Signs, Mark::Failed) => "✗",
            (Self::Signs, Mark::LeftOut) => "–",
            (Self::Words, Mark::Ok) => "ok  ",
            (Self::Words, Mark::Warning) => "WARN",
            (Self::Words, Mark::Failed) => "FAIL",
            (Self::Words, Mark::LeftOut) => "--  ",
        }
    }
}

/// Prints steps, and counts what went wrong.
pub(super) struct Printer<'a> {
    json: bool,
    marks: Marks,
    out: &'a mut dyn Write,
    steps: Vec<Value>,
    failed: usize,
    warnings: usize,
}

impl<'a> Printer<'a> {
    pub(super) fn new(json: bool, marks: Marks, out: &'a mut dyn Write) -> Self {
        Self {
            json,
            marks,
            out,
            steps: Vec::new(),
            failed: 0,
            warnings: 0,
        }
    }

    /// The steps that follow are about this tenant and account.
    pub(super) fn begin(&mut self, subject: &Subject) {
        if self.json {
            return;
        }
        let account = match (&subject.account_name, subject.account) {
            (Some(name), Some(mid)) if *name != mid.to_string() => {
                format!(", account {name} ({mid})")
            }
            (_, Some(mid)) => format!(", account {mid}"),
            (_, None) => String::new(),
        };
        let secret = subject.secret_of.as_ref();
        let secret = secret.map_or_else(String::new, |secret| format!(", with {secret}"));
        say(self.out, "");
        say(
            self.out,
            &format!("tenant {}{account}{secret}", subject.tenant.name),
        );
    }

    pub(super) fn step(&mut self, step: &Step) {
        match step.finding.mark {
            Mark::Failed => self.failed += 1,
            Mark::Warning => self.warnings += 1,
            Mark::Ok | Mark::LeftOut => {}
        }
        if self.json {
            self.steps.push(document(step));
        } else {
            self.lines(step);
        }
    }

    fn lines(&mut self, step: &Step) {
        let finding = &step.finding;
        let took = match step.took.as_millis() {
            0 => String::new(),
            took => format!(" [{took} ms]"),
        };
        let mark = self.marks.of(finding.mark);
        let width = Stage::Configuration.name().len();
        let line = format!(
            "{mark} {:width$}  {}{took}",
            step.stage.name(),
            finding.message
        );
        say(self.out, &line);
        let indent = " ".repeat(mark.chars().count() + width + 3);
        for (what, words) in [("cause", &finding.cause), ("fix", &finding.fix)] {
            if let Some(words) = words {
                say(self.out, &format!("{indent}{what}: {words}"));
            }
        }
        let _flushed = self.out.flush();
    }

    /// Nothing follows.
    pub(super) fn end(self) -> Status {
        let verdict = match (self.failed, self.warnings) {
            (0, 0) => "ok",
            (0, _) => "warning",
            _ => "failed",
        };
        if self.json {
            let document = json!({
                "version": env!("CARGO_PKG_VERSION"),
                "verdict": verdict,
                "steps": self.steps,
            });
            say(self.out, &format!("{document:#}"));
        } else {
            let words = match (self.failed, self.warnings) {
                (0, 0) => "nothing is wrong".to_owned(),
                (0, warnings) => counted(warnings, "warning"),
                (failed, 0) => format!("{} failed", counted(failed, "step")),
                (failed, warnings) => format!(
                    "{} failed, {}",
                    counted(failed, "step"),
                    counted(warnings, "warning")
                ),
            };
            say(self.out, "");
            say(self.out, &words);
        }
        if self.failed == 0 {
            Status::Clean
        } else {
            Status::Failure
        }
    }
}

fn document(step: &Step) -> Value {
    let finding = &step.finding;
    json!({
        "tenant": step.tenant,
        "account": step.account,
        "step": step.stage.name(),
        "mark": finding.mark.name(),
        "code": finding.code.name(),
        "message": finding.message,
        "cause": finding.cause,
        "fix": finding.fix,
        "duration_ms": u64::try_from(step.took.as_millis()).unwrap_or(u64::MAX),
    })
}

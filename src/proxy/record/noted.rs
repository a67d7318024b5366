//! What a record tells the ledger: the call by its masked name, what went wrong, and which scope it took. Never a query, nor
//! the id in a path; of a token endpoint's error its redacted words.

use std::time::{Duration, SystemTime};

use http::StatusCode;

use super::written::{CLIENT_GONE, method_label};
use super::{Details, Needed, Record, Told, verdict};
use crate::ledger::{Call, Said, Scopes, Trouble};
use crate::proxy::asked::Api;
use crate::proxy::error::Code;
use crate::proxy::remedy::{self, Asked};
use crate::proxy::verdict::Verdict;
use crate::token::Because;

impl Record {
    /// `route` is the masked path.
    pub(super) fn note(&self, details: &Details, route: &str, took: Duration) {
        let labels = details
            .account
            .as_ref()
            .map(|account| account.token.labels());
        let operation = details
            .soap
            .map(|(_version, operation)| operation.unwrap_or("other"));
        self.ledger.note(&Call {
            at: SystemTime::now(),
            duration: took,
            tenant: labels.as_ref().map(|labels| labels.tenant.as_str()),
            account: labels.as_ref().map(|labels| labels.account.as_str()),
            api: details.api.map(Api::name),
            client: details.client(),
            method: method_label(&self.method),
            route,
            operation,
            object_types: &details.object_types,
            object_types_left_out: details.object_types_left_out,
            untyped_objects: details.untyped_objects,
            status: details.status.unwrap_or(CLIENT_GONE).as_u16(),
            permitted: details.permitted,
            would_refuse: details.would_refuse.map(Code::name),
            unclear: details.unclear,
            names_accounts: details.names_accounts,
            scopes: details.said_of_scopes(),
            trouble: details.trouble(self.path(details), operation),
        });
    }
}

impl Details {
    /// What the tenant's answer says of the scopes that the call needs.
    fn said_of_scopes(&self) -> Option<Scopes> {
        let needed = self.needed?;
        let (verdict, because) = self.judged?;
        let is_denied = match verdict {
            Verdict::NotPermitted => true,
            Verdict::Refused => {
                matches!(because, Some(Because::RouteRests | Because::ReplayRefused))
            }
            Verdict::Accepted => self.upstream_status? == StatusCode::FORBIDDEN,
            Verdict::Throttled | Verdict::Unknown => false,
        };
        match (is_denied, needed.lacking) {
            (true, Some(lacking)) => Some(Scopes::missing(lacking)),
            // Something else is missing than what the token has.
            (true, None) if needed.is_granted == Some(true) => None,
            (true, None) => Some(Scopes::missing(needed.counted)),
            (false, _) if verdict == Verdict::Accepted => accepted(&needed),
            (false, _) => None,
        }
    }

    fn trouble(&self, path: &str, operation: Option<&'static str>) -> Option<Trouble> {
        if let (Some(code), Some(Told { what, fix })) = (self.error, &self.told) {
            return Some(Trouble {
                code: Some(code.name()),
                what: what.clone(),
                fix: fix.clone(),
            });
        }
        let (verdict, because) = self.judged?;
        let status = self.upstream_status?;
        if !remedy::is_trouble(verdict, status) {
            return None;
        }
        let asked = Asked {
            root: self.operation(path),
            operation,
            is_core: self
                .account
                .as_ref()
                .is_some_and(|account| account.token.endpoint().settings().kind.is_core()),
            needed: self.needed,
        };
        Some(Trouble {
            code: verdict::code(verdict, because),
            what: remedy::what(self.advice.as_deref(), status),
            fix: remedy::fix(verdict, because, status, &asked),
        })
    }
}

/// Scopes that a call used which the tenant let through: of those that the table names, the ones that its token has. What went
/// without one did not need it, whatever the table says.
fn accepted(needed: &Needed) -> Option<Scopes> {
    let lacks_first = needed.lacking == Some(needed.counted);
    let (scope, beside) = match (lacks_first, needed.beside) {
        (false, beside) => (needed.counted, beside),
        (true, [first, beside @ ..]) => (*first, beside),
        (true, []) => return None,
    };
    Some(Scopes {
        scope,
        beside,
        said: Said::Accepted,
    })
}

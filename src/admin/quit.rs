//! `/quitquitquit`: the proxy drains and ends, as on SIGTERM, where `admin.quit` says that it may.

use http::StatusCode;
use hyper::body::Incoming;

use super::page::{Answer, text};
use super::session::Ticket;
use super::{Admin, Asked};

impl Admin {
    /// Ends the process, after what is in flight.
    pub(super) async fn quit(
        &self,
        asked: &Asked,
        ticket: Option<Ticket>,
        body: Incoming,
    ) -> Answer {
        if !self.may_quit {
            return text(
                StatusCode::FORBIDDEN,
                "This proxy is not stopped over HTTP: admin.quit is false. Set admin.quit = true, or send SIGTERM.\n",
            );
        }
        let actor = match self.action(asked, ticket, body).await {
            Ok((actor, _fields)) => actor,
            Err(refusal) => return *refusal,
        };
        tracing::warn!(by = %actor, peer = %asked.peer, "asked to stop by /quitquitquit");
        self.quit_asked.notify_one();
        text(
            StatusCode::OK,
            "Stopping: calls in flight go to their end, then the process exits with 0.\n",
        )
    }
}

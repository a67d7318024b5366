//! The one test binary: the proxy's real parts over real sockets against the sandbox tenant. Assertions are made on what
//! the caller got and on the tenant's journal, not on internals.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stderr,
    clippy::too_many_lines,
    unreachable_pub,
    missing_docs,
    reason = "a test that cannot go on has to stop loudly"
)]

mod harness;
mod hygiene;
mod process;
mod raw;

mod advice;
mod asking;
mod attempts;
mod audits;
mod canary;
mod clients;
mod commands;
mod core;
mod doctors;
mod documents;
mod door;
mod egress;
mod envelope;
mod exec;
mod facade;
mod forward;
mod grants;
mod held;
mod identities;
mod logins;
mod logs;
mod observing;
mod policies;
mod prometheus;
mod refreshes;
mod reloads;
mod replicas;
mod running;
mod scopes;
mod selection;
mod smoke;
mod snippets;
mod soap;
mod soap_properties;
mod soap_runs;
mod spans;
mod status;
mod suggestions;
mod tidy;
mod tokens;
mod watching;
mod wire;

//! An authenticating reverse proxy for Salesforce Marketing Cloud. Modules stand in reading order.

pub mod admin;
pub mod app;
pub mod clock;
pub mod config;
pub mod metrics;
pub mod proxy;
pub mod secret;
pub mod server;
pub mod telemetry;
pub mod token;
pub mod upstream;
pub mod watch;
pub mod sandbox;

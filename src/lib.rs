//! An authenticating reverse proxy for Salesforce Marketing Cloud. Modules stand in reading order.

pub mod config;
pub mod proxy;
pub mod server;
pub mod token;
pub mod upstream;
pub mod admin;
pub mod sandbox;
pub mod secret;
pub mod telemetry;

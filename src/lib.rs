//! An authenticating reverse proxy for Salesforce Marketing Cloud. Modules stand in reading order.

pub mod app;
pub mod authority;
pub mod cli;
pub mod collector;
pub mod config;
pub mod facade;
pub mod identity;
pub mod ledger;
pub mod login;
pub mod policy;
pub mod proxy;
pub mod server;
pub mod soap;
pub mod spans;
pub mod state;
pub mod token;
pub mod upstream;

pub mod admin;
pub mod doctor;
pub mod sandbox;

pub mod audit;
pub mod clock;
pub mod metrics;
pub mod secret;
pub mod telemetry;
pub mod watch;

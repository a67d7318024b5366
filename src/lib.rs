//! An authenticating reverse proxy for Salesforce Marketing Cloud.

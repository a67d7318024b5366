//! The tenant, as it answers.

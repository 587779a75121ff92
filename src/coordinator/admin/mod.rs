//! The requests of administrators about whole groups.

pub(crate) mod delete_groups;
pub(crate) mod describe_groups;
pub(crate) mod list_groups;

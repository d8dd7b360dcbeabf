//! Waldur client

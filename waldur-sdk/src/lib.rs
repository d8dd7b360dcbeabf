//! Waldur SDK

//! Contract tests: what the client makes of the recorded answers of a real server. All in `tests/`.

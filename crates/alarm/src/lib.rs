//! CloudWatch metrics, statistics and alarm evaluation as pure functions of samples and time.

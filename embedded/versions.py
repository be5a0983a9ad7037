"""The programs that this project is built and tested with."""

DEV_SERVER_VERSION = "1.5.1"
"""Version of Temporal's CLI, which contains the dev server. Later tags carry a `replace` in their
`go.mod`, so that `go install` refuses them."""
TEST_SERVER_VERSION = "1.32.0"
"""Version of the time-skipping test server, which is released with Temporal's Java SDK."""
S3_SERVER_VERSION = "1.8.0"
"""Version of Versity's S3 gateway, which stands for S3 in the tests."""

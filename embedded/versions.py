"""The programs that this project is built and tested with."""

DEV_SERVER_VERSION = "1.5.1"
"""Of Temporal's CLI, which holds the dev server. Later tags carry a `replace` in their `go.mod`,
so that `go install` refuses them."""
TEST_SERVER_VERSION = "1.32.0"
"""Of the time-skipping test server, which is released with Temporal's Java SDK."""
S3_SERVER_VERSION = "1.8.0"
"""Of Versity's S3 gateway, which stands for S3 in the tests."""

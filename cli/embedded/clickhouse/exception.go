package clickhouse

import (
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
)

// exception is an error of the front's own in the engine's form, so that clients read both alike.
func exception(code int, name, format string, args ...any) error {
	return fmt.Errorf("Code: %d. DB::Exception: %s. (%s)", code, fmt.Sprintf(format, args...), name)
}

func refused(what string) error {
	return exception(497, "ACCESS_DENIED", "%s reaches the files of this machine and is refused here", what)
}

var codePattern = regexp.MustCompile(`^Code: (\d+)\.`)

const unknownException = 1002

// exceptionCode reads the code back from an error's text.
func exceptionCode(err error) int {
	if m := codePattern.FindStringSubmatch(err.Error()); m != nil {
		if n, err := strconv.Atoi(m[1]); err == nil {
			return n
		}
	}
	return unknownException
}

// exceptionText is what goes to the client.
func exceptionText(err error, version string) string {
	msg := strings.TrimRight(err.Error(), "\n")
	if !strings.HasPrefix(msg, "Code: ") {
		msg = fmt.Sprintf("Code: %d. DB::Exception: %s (UNKNOWN_EXCEPTION)", unknownException, msg)
	}
	return msg + " (version " + version + " (embedded))\n"
}

// exceptionStatus is the HTTP status that a ClickHouse server gives with an exception code.
func exceptionStatus(code int) int {
	switch code {
	case 194: // REQUIRED_PASSWORD
		return http.StatusUnauthorized
	case 192, 193, 497, 516: // users and access
		return http.StatusForbidden
	case 46, 47, 50, 56, 60, 63, 73, 81, 115: // unknown function, identifier, type, table, format, database, setting
		return http.StatusNotFound
	case 6, 26, 27, 33, 36, 38, 41, 42, 43, 44, 53, 57, 62, 69, 70, 72, 80, 82, 117, 131, 207, 386, 456, 457: // parsing, types
		return http.StatusBadRequest
	case 307: // TOO_MANY_BYTES
		return http.StatusRequestEntityTooLarge
	case 48: // NOT_IMPLEMENTED
		return http.StatusNotImplemented
	case 159: // TIMEOUT_EXCEEDED
		return http.StatusRequestTimeout
	case 202, 209, 210, 242: // too many queries, sockets, read-only table
		return http.StatusServiceUnavailable
	}
	return http.StatusInternalServerError
}

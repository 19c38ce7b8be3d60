package process

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

// healthTime bounds a health check.
const healthTime = 2 * time.Second

// checkHealth asks the service that runs with the same settings whether it is ready: what a container's health check calls,
// in an image without a shell. The exit code is 0 where it is and 1 where it is not.
func checkHealth(ctx context.Context, admin string, errOut io.Writer) int {
	host, port, err := net.SplitHostPort(admin)
	if err != nil {
		fmt.Fprintf(errOut, "healthcheck: --admin-listen %q is not host:port\n", admin)
		return 1
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	ctx, cancel := context.WithTimeout(ctx, healthTime)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+net.JoinHostPort(host, port)+"/readyz", nil)
	if err != nil {
		fmt.Fprintln(errOut, "healthcheck:", err)
		return 1
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		fmt.Fprintln(errOut, "healthcheck:", err)
		return 1
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		body, _ := io.ReadAll(io.LimitReader(res.Body, 4<<10)) // what could be read says enough
		fmt.Fprintf(errOut, "healthcheck: %s: %s\n", res.Status, body)
		return 1
	}
	return 0
}

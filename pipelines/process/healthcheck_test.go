package process

import (
	"bytes"
	"net/http/httptest"
	"strings"
	"testing"

	"go.uber.org/zap"
)

func TestHealthcheckAsksTheServiceThatRuns(t *testing.T) {
	host := HostWith(zap.NewNop())
	shell := host.Shell("svc", valid())
	server := httptest.NewServer(host.Handler())
	defer server.Close()
	addr := strings.TrimPrefix(server.URL, "http://")
	check := func(addr string) (int, string) {
		var out, errOut bytes.Buffer
		code := execute(t.Context(), "svc", "about", &settings{}, nil, []string{"healthcheck", "--admin-listen", addr}, &out, &errOut)
		return code, errOut.String()
	}
	if code, said := check(addr); code != 1 || !strings.Contains(said, "503") {
		t.Errorf("not ready: %d %s", code, said)
	}
	shell.SetReady(true)
	if code, said := check(addr); code != 0 {
		t.Errorf("ready: %d %s", code, said)
	}
	if code, said := check("0.0.0.0:" + addr[strings.LastIndexByte(addr, ':')+1:]); code != 0 {
		t.Errorf("on every address: %d %s", code, said)
	}
	server.Close()
	if code, _ := check(addr); code != 1 {
		t.Errorf("gone: %d", code)
	}
}

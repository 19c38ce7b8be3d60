package harness

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Service is one replica of a service: a process that can be started again after its end.
type Service struct {
	*Process
	Name     string
	Admin    string // URL of /healthz, /readyz and /metrics
	pipeline *Pipeline
	args     []string
	log      string
}

// Start starts it, and does not wait.
func (s *Service) Start() { s.run(Binary(s.pipeline.t, s.Name), nil) }

// StartInjected starts it with a fault in it, as the environment says: see pipelines/inject.
func (s *Service) StartInjected(env ...string) {
	s.run(Injected(s.pipeline.t, s.Name), env)
}

func (s *Service) run(binary string, env []string) {
	p := s.pipeline
	env = append(append(p.env(), "CASETRAIL_ADMIN_LISTEN="+s.Admin[len("http://"):]), env...)
	s.Process = start(p.t, s.Name, s.log, env, append([]string{binary}, s.args...)...)
}

// Restart kills it and starts it again, and waits until it is ready.
func (s *Service) Restart() {
	s.t.Helper()
	s.Kill()
	s.Start()
	s.Ready()
}

// Ready waits until it is.
func (s *Service) Ready() {
	s.t.Helper()
	Eventually(s.t, s.Name+" is ready", startTime, func() bool {
		if !s.Running() {
			s.t.Fatalf("%s has ended: %v", s.Name, s.err)
		}
		code, _ := s.Get("/readyz")
		return code == http.StatusOK
	})
}

// ID is the service's name and the number of the replica.
func (s *Service) ID() string { return strings.TrimSuffix(filepath.Base(s.log), ".log") }

// Get asks the admin address. The code is 0 where nobody answers.
func (s *Service) Get(path string) (code int, body string) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.Admin+path, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	resp, err := client.Do(req)
	if err != nil {
		return 0, ""
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, ""
	}
	return resp.StatusCode, string(b)
}

// Metric sums a metric over its labels; it is -1 where there is none.
func (s *Service) Metric(name string) float64 {
	_, body := s.Get("/metrics")
	sum := -1.0
	for _, m := range regexp.MustCompile(fmt.Sprintf(`(?m)^%s(?:\{[^}]*\})? (\S+)$`, regexp.QuoteMeta(name))).FindAllStringSubmatch(body, -1) {
		if v, err := strconv.ParseFloat(m[1], 64); err == nil {
			sum = max(sum, 0) + v
		}
	}
	return sum
}

// Partitions is how many a replica has of a stage, which need not be its service's only one; -1 where it does not say.
func (s *Service) Partitions(stage string) int {
	_, body := s.Get("/metrics")
	m := regexp.MustCompile(`(?m)^casetrail_stage_partitions\{[^}]*stage="` + regexp.QuoteMeta(stage) + `"[^}]*\} (\d+)$`).FindStringSubmatch(body)
	if m == nil {
		return -1
	}
	n, _ := strconv.Atoi(m[1]) // it is digits
	return n
}

// client keeps no connections: processes come and go.
var client = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}

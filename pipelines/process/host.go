package process

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// Host is what the services of one operating system process share: log, metrics and the admin listener.
type Host struct {
	Log      *zap.Logger
	registry *prometheus.Registry

	mu     sync.Mutex
	shells []*Shell
}

// NewHost makes a host that logs JSON to standard error, from the given level on. Repeated lines are sampled: after
// 100 a second with the same message, every hundredth is kept.
func NewHost(level string) (*Host, error) {
	l, err := zapcore.ParseLevel(level)
	if err != nil {
		return nil, err
	}
	cfg := zap.NewProductionConfig()
	cfg.Level = zap.NewAtomicLevelAt(l)
	cfg.EncoderConfig.TimeKey = "time"
	cfg.EncoderConfig.EncodeTime = zapcore.RFC3339NanoTimeEncoder
	cfg.DisableStacktrace = true
	log, err := cfg.Build()
	if err != nil {
		return nil, err
	}
	return HostWith(log), nil
}

// HostWith makes a host with a given log.
func HostWith(log *zap.Logger) *Host {
	h := &Host{Log: log, registry: prometheus.NewRegistry()}
	h.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return h
}

// Shell makes a service's shell. Its log lines and metrics carry the service's name, which must be unique in the host.
func (h *Host) Shell(name string, cfg Config) *Shell {
	s := &Shell{
		Name: name, Config: cfg, Log: h.Log.With(zap.String("service", name)),
		Metrics: prometheus.WrapRegistererWith(prometheus.Labels{"service": name}, h.registry),
	}
	s.NotReady("starting")
	h.mu.Lock()
	defer h.mu.Unlock()
	h.shells = append(h.shells, s)
	return s
}

// Handler serves /healthz (200 while the process lives), /readyz (200 once every service is ready; before, 503 and what each waits for) and
// /metrics.
func (h *Host) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusOK, map[string]string{"status": "alive"})
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if waiting := h.Waiting(); len(waiting) > 0 {
			writeJSON(w, http.StatusServiceUnavailable, map[string]any{"status": "not ready", "waiting": waiting})
			return
		}
		writeJSON(w, http.StatusOK, map[string]string{"status": "ready"})
	})
	mux.Handle("GET /metrics", promhttp.HandlerFor(h.registry, promhttp.HandlerOpts{}))
	return mux
}

// Ready tells whether every service is ready.
func (h *Host) Ready() bool { return len(h.Waiting()) == 0 }

// Waiting names the services that are not ready, and why each is not.
func (h *Host) Waiting() map[string]string {
	h.mu.Lock()
	defer h.mu.Unlock()
	out := map[string]string{}
	for _, s := range h.shells {
		if why := s.waits.Load(); why != nil {
			out[s.Name] = *why
		}
	}
	return out
}

func writeJSON(w http.ResponseWriter, code int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(v) // the client went away: nobody to tell
}

// Serve answers the admin endpoints at address until ctx ends; an empty address serves nothing.
func (h *Host) Serve(ctx context.Context, address string) error {
	if address == "" {
		<-ctx.Done()
		return nil
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return fmt.Errorf("--admin-listen: %w; is another Casetrail running? choose another address", err)
	}
	srv := &http.Server{
		Handler: h.Handler(), ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second,
		WriteTimeout: 30 * time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10,
	}
	stop := context.AfterFunc(ctx, func() { _ = srv.Close() })
	defer stop()
	if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

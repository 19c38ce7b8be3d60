package realkafka

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// node is one broker, which is a controller as well.
type node struct {
	id, of             int
	lib, dir           string
	client, controller int
	voters             string
	links              []namedLink
	extra, format      []string
	discard            string // what to delete once the broker has ended

	mu    sync.Mutex
	cmd   *exec.Cmd
	leash io.Closer // closing it kills the broker; so does the end of this process
	pid   int
}

type namedLink struct {
	name string
	Link
}

func (n *node) properties() string {
	minISR := (n.of + 1) / 2
	listeners := fmt.Sprintf("PLAINTEXT://127.0.0.1:%d,CONTROLLER://127.0.0.1:%d", n.client, n.controller)
	advertised := fmt.Sprintf("PLAINTEXT://127.0.0.1:%d", n.client)
	protocols := "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT"
	for _, l := range n.links {
		listeners += "," + l.name + "://" + l.Node
		advertised += "," + l.name + "://" + l.Advertised
		protocols += "," + l.name + ":PLAINTEXT"
	}
	return strings.Join(append([]string{
		"process.roles=broker,controller",
		fmt.Sprintf("node.id=%d", n.id),
		"controller.quorum.voters=" + n.voters,
		"controller.listener.names=CONTROLLER",
		"listeners=" + listeners,
		"advertised.listeners=" + advertised,
		"listener.security.protocol.map=" + protocols,
		"inter.broker.listener.name=PLAINTEXT",
		"log.dirs=" + filepath.Join(n.dir, "log"),
		"auto.create.topics.enable=false",
		"num.partitions=1",
		fmt.Sprintf("default.replication.factor=%d", n.of),
		fmt.Sprintf("min.insync.replicas=%d", minISR),
		fmt.Sprintf("offsets.topic.replication.factor=%d", n.of),
		"offsets.topic.num.partitions=1",
		fmt.Sprintf("transaction.state.log.replication.factor=%d", n.of),
		fmt.Sprintf("transaction.state.log.min.isr=%d", minISR),
		"transaction.state.log.num.partitions=1",
		fmt.Sprintf("share.coordinator.state.topic.replication.factor=%d", n.of),
		fmt.Sprintf("share.coordinator.state.topic.min.isr=%d", minISR),
		"share.coordinator.state.topic.num.partitions=1",
		"group.initial.rebalance.delay.ms=0",
		"group.min.session.timeout.ms=1000",
		"broker.session.timeout.ms=3000", // or a killed node comes back only after nine seconds
		"broker.heartbeat.interval.ms=500",
		"controller.quorum.fetch.timeout.ms=2000",
		"controller.quorum.election.timeout.ms=1000",
		"replica.lag.time.max.ms=5000",
		"log.cleaner.dedupe.buffer.size=8388608",
		"log.cleaner.backoff.ms=500",
		"num.network.threads=2",
		"num.io.threads=4",
		"num.recovery.threads.per.data.dir=2",
	}, n.extra...), "\n") + "\n"
}

func (n *node) file(name string) string { return filepath.Join(n.dir, name) }

// A broker that lives for minutes does not earn back what the optimising compiler takes: without it, it takes 3.7 s of CPU to format
// and start one instead of 6.1.
func (n *node) java(args ...string) []string {
	return append([]string{"java", "-Xms128m", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData",
		"-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-Dorg.slf4j.simpleLogger.log.kafka.server.KafkaRaftServer=info",
		"-Dorg.slf4j.simpleLogger.showDateTime=true", "-cp", filepath.Join(n.lib, "*")}, args...)
}

// prepare writes the configuration and formats the log directory.
func (n *node) prepare() error {
	if err := os.MkdirAll(n.dir, 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(n.file("server.properties"), []byte(n.properties()), 0o644); err != nil {
		return err
	}
	args := n.java(append([]string{"kafka.tools.StorageTool", "format", "-t", "MkU3OEVBNTcwNTJENDM2Qg", "-c", n.file("server.properties")}, n.format...)...)
	if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
		return fmt.Errorf("formatting node %d: %w\n%s", n.id, err, out)
	}
	return nil
}

// The shell starts the broker, says its process id, and kills it when its own standard input ends: so a broker never
// outlives the test, however that ends.
const leash = `"$@" </dev/null >>"$LOG" 2>&1 & echo $!; read _; kill -9 $! 2>/dev/null; wait; [ -z "$DISCARD" ] || rm -rf "$DISCARD"`

func (n *node) start() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.cmd != nil {
		return fmt.Errorf("node %d runs already", n.id)
	}
	if err := os.Truncate(n.file("kafka.log"), 0); err != nil && !os.IsNotExist(err) {
		return err
	}
	cmd := exec.Command("sh", append([]string{"-c", leash, "sh"}, n.java("kafka.Kafka", n.file("server.properties"))...)...)
	cmd.Env = append(os.Environ(), "LOG="+n.file("kafka.log"), "DISCARD="+n.discard)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // an interrupt at the terminal is the test's to handle
	in, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		return fmt.Errorf("starting node %d: %w", n.id, err)
	}
	n.cmd, n.leash = cmd, in
	n.pid, err = strconv.Atoi(strings.TrimSpace(line))
	return err
}

func (n *node) kill() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.cmd == nil {
		return
	}
	_ = n.leash.Close()
	_ = n.cmd.Wait() // it was killed: the error says no more
	n.cmd = nil
}

func (n *node) stop() {
	n.mu.Lock()
	pid := n.pid
	n.mu.Unlock()
	_ = syscall.Kill(pid, syscall.SIGTERM)
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline) && running(pid); {
		time.Sleep(50 * time.Millisecond)
	}
	n.kill()
}

// running tells whether a process is there and not merely waiting to be reaped by its shell.
func running(pid int) bool {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return syscall.Kill(pid, 0) == nil && !os.IsNotExist(err)
	}
	_, state, ok := bytes.Cut(b, []byte(") "))
	return ok && len(state) > 0 && state[0] != 'Z'
}

func (n *node) awaitStarted(ctx context.Context) error {
	n.mu.Lock()
	pid, up := n.pid, n.cmd != nil
	n.mu.Unlock()
	for up {
		b, _ := os.ReadFile(n.file("kafka.log"))
		if bytes.Contains(b, []byte("Kafka Server started")) {
			return nil
		}
		if !running(pid) {
			return fmt.Errorf("node %d ended:\n%s", n.id, tail(b))
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			return fmt.Errorf("node %d did not start:\n%s", n.id, tail(b))
		}
	}
	return nil
}

func tail(b []byte) []byte { return b[max(0, len(b)-4000):] }

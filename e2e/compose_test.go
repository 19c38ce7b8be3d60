package e2e

import (
	"bytes"
	"context"
	"crypto/pbkdf2"
	"crypto/sha512"
	"errors"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	kafkago "github.com/segmentio/kafka-go"
	"go.yaml.in/yaml/v3"

	"github.com/casetrail/casetrail/e2e/realkafka"
	"github.com/casetrail/casetrail/pipelines"
	"github.com/casetrail/casetrail/pipelines/kafka"
	"github.com/casetrail/casetrail/pipelines/process"
	"github.com/casetrail/casetrail/pipelines/stage"
	aggregator "github.com/casetrail/casetrail/services/aggregator/service"
	sink "github.com/casetrail/casetrail/services/clickhouse-sink/service"
	intake "github.com/casetrail/casetrail/services/intake/service"
	signer "github.com/casetrail/casetrail/services/record-signer/service"
	router "github.com/casetrail/casetrail/services/router/service"
)

// These tests hold docker-compose.yml to the topology and the services' settings, and run Apache Kafka as it says:
// with the image's own program that turns KAFKA_* into server.properties, and the passwords of make passwords.

type composeFile struct {
	Services map[string]struct {
		Environment map[string]string
		Command     []string
		Secrets     []any
	}
	Secrets map[string]struct{ File string }
}

func readCompose(t *testing.T) composeFile {
	t.Helper()
	b, err := os.ReadFile("../docker-compose.yml")
	if err != nil {
		t.Fatal(err)
	}
	var f composeFile
	if err := yaml.Unmarshal(b, &f); err != nil {
		t.Fatal(err)
	}
	return f
}

// grant is a line of the table in kafka-access.
type grant struct{ writes, reads []string }

func (f composeFile) grants(t *testing.T) map[string]grant {
	t.Helper()
	script := f.Services["kafka-access"].Command[2]
	_, table, ok := strings.Cut(script, "<<'TABLE'\n")
	table, _, ok2 := strings.Cut(table, "\nTABLE\n")
	if !ok || !ok2 {
		t.Fatal("kafka-access has no table of rights")
	}
	list := func(s string) []string {
		if s == "-" {
			return nil
		}
		return slices.Sorted(slices.Values(strings.Split(s, ",")))
	}
	out := map[string]grant{}
	for line := range strings.Lines(table) {
		w := strings.Fields(line)
		if len(w) != 3 {
			t.Fatalf("not user, writes, reads: %q", line)
		}
		out[w[0]] = grant{list(w[1]), list(w[2])}
	}
	return out
}

func TestComposeGrantsWhatTheTopologySays(t *testing.T) {
	want := map[string]grant{"operator": {}} // a super user
	for _, user := range []string{pipelines.Intake, pipelines.Router, pipelines.RecordSigner, pipelines.Aggregator, pipelines.Sink,
		pipelines.Delivery, pipelines.Producers} {
		var g grant
		for _, topic := range pipelines.Topology() {
			if slices.Contains(topic.Writers, user) {
				g.writes = append(g.writes, topic.Name)
			}
			if slices.Contains(topic.Readers, user) {
				g.reads = append(g.reads, topic.Name)
			}
		}
		slices.Sort(g.writes)
		slices.Sort(g.reads)
		if user == pipelines.Producers {
			user = "producer"
		}
		want[user] = g
	}
	if got := readCompose(t).grants(t); !reflect.DeepEqual(got, want) {
		t.Errorf("the table in kafka-access is\n%v\nand the topology says\n%v", got, want)
	}
}

// A misspelt variable would be ignored, and the service run with its default.
func TestComposeSetsWhatServicesKnow(t *testing.T) {
	f := readCompose(t)
	for name, settings := range map[string]any{
		pipelines.Intake: intake.Config{}, pipelines.Router: router.Config{}, pipelines.RecordSigner: signer.Config{}, pipelines.Aggregator: aggregator.Config{},
		pipelines.Sink: sink.Config{},
	} {
		service, ok := f.Services[name]
		if !ok {
			t.Errorf("no service %s", name)
		}
		known := variables(reflect.TypeOf(settings))
		for v := range service.Environment {
			if !slices.Contains(known, v) {
				t.Errorf("%s: %s is no setting of it; it has %v", name, v, known)
			}
		}
	}
}

func variables(t reflect.Type) (out []string) {
	for i := range t.NumField() {
		if f := t.Field(i); f.Anonymous {
			out = append(out, variables(f.Type)...)
		} else if v := f.Tag.Get("env"); v != "" {
			out = append(out, v)
		}
	}
	return out
}

func TestComposeSecretsAreFilesOfTheSecretsFolder(t *testing.T) {
	f := readCompose(t)
	for name, s := range f.Secrets {
		if filepath.Dir(s.File) != "secrets" {
			t.Errorf("secret %s is in %s, which git does not ignore", name, s.File)
		}
	}
	for name, s := range f.Services {
		for _, secret := range s.Secrets {
			source, ok := secret.(string)
			if long, isMap := secret.(map[string]any); isMap {
				source, ok = long["source"].(string)
			}
			if _, defined := f.Secrets[source]; !ok || !defined {
				t.Errorf("%s: secret %v is not defined", name, secret)
			}
		}
		for v, value := range s.Environment {
			if strings.Contains(v, "PASSWORD") && !strings.HasPrefix(value, "/run/secrets/") {
				t.Errorf("%s: %s has its secret in the file", name, v)
			}
		}
	}
}

func TestComposeKafka(t *testing.T) {
	if testing.Short() {
		t.Skip("starts Apache Kafka")
	}
	f := readCompose(t)
	k := startComposeKafka(t, f)
	k.access(t, f.grants(t))

	operator := k.client(t, "operator")
	var topics []kafka.Topic
	for _, topic := range pipelines.Topology() {
		topics = append(topics, kafka.Topic{Name: topic.Name, Partitions: 1, Config: topic.Config})
	}
	if err := kafka.EnsureTopics(t.Context(), operator, topics); err != nil {
		t.Fatal(err)
	}

	t.Run("services do what the topology says", func(t *testing.T) {
		for _, user := range slices.Sorted(maps.Keys(f.grants(t))) {
			c, g := k.client(t, user), f.grants(t)[user]
			for _, topic := range g.writes {
				if err := composePublish(t, c, topic); err != nil {
					t.Errorf("%s writes %s: %v", user, topic, err)
				}
			}
			for _, topic := range g.reads {
				if err := c.ReadAll(t.Context(), topic, func(stage.Record) error { return nil }); err != nil {
					t.Errorf("%s reads %s: %v", user, topic, err)
				}
			}
		}
	})
	t.Run("and no more", func(t *testing.T) {
		signer := k.client(t, pipelines.RecordSigner)
		if err := composePublish(t, signer, pipelines.CaseConclusions); !errors.Is(err, kafka.ErrDenied) {
			t.Errorf("the record-signer writes what it may only read: %v", err)
		}
		err := signer.ReadAll(t.Context(), pipelines.CaseEvents, func(stage.Record) error { return nil })
		if !errors.Is(err, kafka.ErrTopic) {
			t.Errorf("the record-signer sees a topic that is none of its business: %v", err)
		}
	})
	t.Run("a wrong password is refused", func(t *testing.T) {
		cfg := k.config(t, pipelines.Router)
		cfg.Password = "wrong"
		c, err := kafka.NewClient(cfg)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if err := c.Ping(t.Context()); !errors.Is(err, kafka.ErrCredentials) {
			t.Error(err)
		}
	})
	t.Run("stages run", func(t *testing.T) {
		if err := composePublish(t, k.client(t, pipelines.Intake), pipelines.CaseEvents); err != nil {
			t.Fatal(err)
		}
		k.run(t, pipelines.Router, stage.Definition{Name: pipelines.Router, Inputs: []string{pipelines.CaseEvents}, Outputs: []string{pipelines.CaseConclusions}})
		// The sink has several groups, whose names begin with its own, and writes nothing.
		k.run(t, pipelines.Sink, stage.Definition{Name: pipelines.Sink + "-escalations", Inputs: []string{pipelines.CaseEscalations}})
	})
}

func composePublish(t *testing.T, c *kafka.Client, topic string) error {
	t.Helper()
	p := kafka.NewPublisher(c, nil)
	defer p.Close()
	return p.Publish(t.Context(), []stage.Record{{Topic: topic, Key: []byte("case"), Value: []byte("value")}})
}

// composeKafka is the broker of docker-compose.yml, on ports of its own.
type composeKafka struct{ secrets, brokers, local string }

func startComposeKafka(t *testing.T, f composeFile) *composeKafka {
	t.Helper()
	realkafka.Shared(t) // fetches Kafka, or skips
	jars := filepath.Join(kafkaCache(t), "*")
	dir := t.TempDir()
	k := &composeKafka{secrets: filepath.Join(dir, "secrets")}
	if out, err := exec.CommandContext(t.Context(), "make", "-s", "-C", "..", "passwords", "SECRETS="+k.secrets).CombinedOutput(); err != nil {
		t.Fatalf("make passwords: %v\n%s", err, out)
	}
	ports := freeAddresses(t, 4)
	k.brokers, k.local = ports[0], ports[2]
	client, host, local, controller := ports[0][len("127.0.0.1"):], ports[1][len("127.0.0.1"):], ports[2][len("127.0.0.1"):], ports[3][len("127.0.0.1"):]
	// What a container has to itself, the test shares with this machine.
	here := strings.NewReplacer("0.0.0.0:9092", "127.0.0.1"+client, "kafka:9092", "localhost"+client, ":19092", host, "0.0.0.0", "127.0.0.1",
		":9094", local, ":9093", controller, "/run/secrets", k.secrets, "/var/lib/kafka/data", filepath.Join(dir, "data"))
	env := os.Environ()
	for name, value := range f.Services["kafka"].Environment {
		env = append(env, name+"="+here.Replace(value))
	}
	folders := map[string]string{}
	for _, name := range []string{"default", "mounted", "final"} {
		folders[name] = filepath.Join(dir, name)
		if err := os.Mkdir(folders[name], 0o755); err != nil {
			t.Fatal(err)
		}
	}
	setup := exec.CommandContext(t.Context(), "java", "-cp", jars, "kafka.docker.KafkaDockerWrapper", "setup",
		"--default-configs-dir", folders["default"], "--mounted-configs-dir", folders["mounted"], "--final-configs-dir", folders["final"])
	setup.Env = env
	if out, err := setup.CombinedOutput(); err != nil {
		t.Fatalf("the image's set-up: %v\n%s", err, out)
	}
	log := &bytes.Buffer{}
	// The shell kills the broker when its own input ends, and so also where this process dies before the clean-up.
	broker := exec.Command("sh", "-c", `"$@" </dev/null & read _; kill -9 $!`, "sh",
		"java", "-Xmx512m", "-XX:+UseSerialGC", "-cp", jars, "kafka.Kafka", filepath.Join(folders["final"], "server.properties"))
	broker.Stdout, broker.Stderr, broker.Env = log, log, env
	leash, err := broker.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := broker.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = leash.Close()
		_ = broker.Wait() // it was killed: the error says no more
		if t.Failed() {
			t.Logf("the broker's log:\n%s", log.Bytes()[max(0, log.Len()-8000):])
		}
	})
	k.await(t)
	return k
}

func kafkaCache(t *testing.T) string {
	t.Helper()
	cache := os.Getenv("CASETRAIL_CACHE")
	if cache == "" {
		dir, err := os.UserCacheDir()
		if err != nil {
			t.Fatal(err)
		}
		cache = filepath.Join(dir, "casetrail")
	}
	return filepath.Join(cache, "kafka-"+realkafka.Version)
}

func freeAddresses(t *testing.T, n int) (out []string) {
	t.Helper()
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		out = append(out, l.Addr().String())
	}
	return out
}

// admin is a client at the listener that only the container's own network has.
func (k *composeKafka) admin(t *testing.T) *kafkago.Client {
	t.Helper()
	transport := &kafkago.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	return &kafkago.Client{Addr: kafkago.TCP(k.local), Timeout: 5 * time.Second, Transport: transport}
}

func (k *composeKafka) await(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	admin := k.admin(t)
	for {
		r, err := admin.FindCoordinator(ctx, &kafkago.FindCoordinatorRequest{Key: "ready", KeyType: kafkago.CoordinatorKeyTypeConsumer})
		if err == nil && r.Error == nil {
			return
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			t.Fatal("the broker does not answer: ", err)
		}
	}
}

// access does what the script of kafka-access does with its table.
func (k *composeKafka) access(t *testing.T, grants map[string]grant) {
	t.Helper()
	var users []kafkago.UserScramCredentialsUpsertion
	var acls []kafkago.ACLEntry
	allow := func(user string, resource kafkago.ResourceType, pattern kafkago.PatternType, name string, operations ...kafkago.ACLOperationType) {
		for _, o := range operations {
			acls = append(acls, kafkago.ACLEntry{ResourceType: resource, ResourceName: name, ResourcePatternType: pattern,
				Principal: "User:" + user, Host: "*", Operation: o, PermissionType: kafkago.ACLPermissionTypeAllow})
		}
	}
	for user, g := range grants {
		users = append(users, k.credentials(t, user))
		for _, topic := range g.writes {
			allow(user, kafkago.ResourceTypeTopic, kafkago.PatternTypeLiteral, topic, kafkago.ACLOperationTypeWrite, kafkago.ACLOperationTypeRead, kafkago.ACLOperationTypeDescribe)
		}
		for _, topic := range g.reads {
			allow(user, kafkago.ResourceTypeTopic, kafkago.PatternTypeLiteral, topic, kafkago.ACLOperationTypeRead, kafkago.ACLOperationTypeDescribe)
		}
		allow(user, kafkago.ResourceTypeGroup, kafkago.PatternTypePrefixed, user, kafkago.ACLOperationTypeRead, kafkago.ACLOperationTypeDescribe)
		allow(user, kafkago.ResourceTypeTransactionalID, kafkago.PatternTypePrefixed, user, kafkago.ACLOperationTypeWrite, kafkago.ACLOperationTypeDescribe)
	}
	admin := k.admin(t)
	u, err := admin.AlterUserScramCredentials(t.Context(), &kafkago.AlterUserScramCredentialsRequest{Upsertions: users})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range u.Results {
		if r.Error != nil {
			t.Fatal(r.User, r.Error)
		}
	}
	a, err := admin.CreateACLs(t.Context(), &kafkago.CreateACLsRequest{ACLs: acls})
	if err != nil || errors.Join(a.Errors...) != nil {
		t.Fatal(err, a)
	}
}

func (k *composeKafka) credentials(t *testing.T, user string) kafkago.UserScramCredentialsUpsertion {
	t.Helper()
	password, err := os.ReadFile(filepath.Join(k.secrets, "kafka-"+user))
	if err != nil {
		t.Fatal(err)
	}
	const iterations = 4096
	salt := []byte("salt of " + user)
	salted, err := pbkdf2.Key(sha512.New, string(bytes.TrimSpace(password)), salt, iterations, sha512.Size)
	if err != nil {
		t.Fatal(err)
	}
	return kafkago.UserScramCredentialsUpsertion{Name: user, Mechanism: kafkago.ScramMechanismSha512, Iterations: iterations, Salt: salt, SaltedPassword: salted}
}

// config is a service's, by way of the same settings as in its container.
func (k *composeKafka) config(t *testing.T, user string) kafka.Config {
	t.Helper()
	settings := process.Config{Brokers: []string{k.brokers}, TLS: true, TLSCA: filepath.Join(k.secrets, "ca.pem"),
		User: user, PasswordFile: filepath.Join(k.secrets, "kafka-"+user)}
	cfg, err := settings.Kafka()
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

func (k *composeKafka) client(t *testing.T, user string) *kafka.Client {
	t.Helper()
	c, err := kafka.NewClient(k.config(t, user))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// echo passes its input on, where there is an output; what matters is which requests running it takes.
type echo struct {
	out  []string
	seen func()
}

func (echo) Recover(stage.Log) (map[stage.TopicPartition]int64, error) { return nil, nil }

func (e echo) Handle(in stage.Record) (out []stage.Record, err error) {
	e.seen()
	for _, topic := range e.out {
		out = append(out, stage.Record{Topic: topic, Partition: in.Partition, Key: in.Key, Value: in.Value,
			Position: stage.Position{Partition: in.Partition, Offset: in.Offset}})
	}
	return out, nil
}

// run runs a stage as a service's user until it has taken an input, and has it write, commit and leave its group.
func (k *composeKafka) run(t *testing.T, user string, def stage.Definition) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	taken := false
	def.New = func(int32) (stage.Handler, error) {
		return echo{out: def.Outputs, seen: func() { taken = true; cancel() }}, nil
	}
	err := kafka.Run(ctx, k.config(t, user), def, retries{t})
	if err != nil || !taken {
		t.Errorf("%s: %v, took an input: %v", def.Name, err, taken)
	}
	if len(def.Outputs) > 0 {
		bounds, err := k.client(t, user).Offsets(t.Context(), def.Outputs[0])
		if err != nil || bounds[0].End == 0 {
			t.Errorf("%s wrote nothing: %v", def.Name, err)
		}
	}
}

// retries shows what a stage tried again, which a missing right may be the reason of.
type retries struct{ t *testing.T }

func (retries) Step(kafka.Step)                 {}
func (retries) Lag(stage.TopicPartition, int64) {}
func (retries) Rebalance([]int32)               {}
func (r retries) Retry(what string, err error)  { r.t.Logf("%s: %v", what, err) }

var variable = regexp.MustCompile(`\$\{([A-Z_]+)`)

// Every variable that the compose file asks for has its place in .env.example, where it is explained.
func TestComposeVariablesAreExplained(t *testing.T) {
	compose, err := os.ReadFile("../docker-compose.yml")
	if err != nil {
		t.Fatal(err)
	}
	example, err := os.ReadFile("../.env.example")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range variable.FindAllSubmatch(compose, -1) {
		if !bytes.Contains(example, append(slices.Clone(m[1]), '=')) {
			t.Errorf("%s is not in .env.example", m[1])
		}
	}
}

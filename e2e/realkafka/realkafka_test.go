package realkafka_test

import (
	"context"
	"testing"
	"time"

	kafkago "github.com/segmentio/kafka-go"

	"github.com/casetrail/casetrail/e2e/realkafka"
)

func TestKillAndRestart(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a real broker")
	}
	c := realkafka.Start(t)
	began := time.Now()
	transport := &kafkago.Transport{}
	defer transport.CloseIdleConnections()
	client := &kafkago.Client{Addr: kafkago.TCP(c.Brokers...), Timeout: 10 * time.Second, Transport: transport}
	r, err := client.CreateTopics(context.Background(), &kafkago.CreateTopicsRequest{Topics: []kafkago.TopicConfig{{Topic: "kept", NumPartitions: 1, ReplicationFactor: 1}}})
	if err != nil || r.Errors["kept"] != nil {
		t.Fatal(err, r)
	}
	c.Kill(0)
	if err := c.Restart(0); err != nil {
		t.Fatal(err)
	}
	t.Logf("restarted after %v", time.Since(began))
	m, err := client.Metadata(context.Background(), &kafkago.MetadataRequest{Topics: []string{"kept"}})
	if err != nil || m.Topics[0].Error != nil {
		t.Fatal(err, m)
	}
	c.Stop(0)
	if err := c.Restart(0); err != nil {
		t.Fatal(err)
	}
}

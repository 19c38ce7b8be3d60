package realkafka

// Run starts a cluster outside of a test, for benchmarks. The caller closes it.
func Run(opts ...Option) (*Cluster, error) { return start(opts...) }

// PID is the process of a node, for measurements.
func (c *Cluster) PID(node int) int {
	n := c.nodes[node]
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.pid
}

// Logs is the directory of a node's logs, which has a directory for each partition.
func (c *Cluster) Logs(node int) string { return c.nodes[node].file("log") }

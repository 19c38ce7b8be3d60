package kafka

import (
	"encoding/binary"
	"slices"
	"sync"

	kafkago "github.com/segmentio/kafka-go"
)

// balancer gives partition p of every input to the same member, so that co-partitioned topics stay together, and all
// partitions to one member where single is set. Members keep what they had as far as the load allows.
type balancer struct {
	single bool

	mu      sync.Mutex
	owned   []int32
	missing []string // topics of which the last assignment knew no partition
}

var _ kafkago.GroupBalancer = (*balancer)(nil)

// ProtocolName implements kafkago.GroupBalancer.
func (b *balancer) ProtocolName() string {
	if b.single {
		return "casetrail-single-1"
	}
	return "casetrail-copartitioned-1"
}

// keep remembers what this member has, for the next assignment.
func (b *balancer) keep(partitions []int32) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.owned = partitions
}

// UserData implements kafkago.GroupBalancer: the partitions that this member had.
func (b *balancer) UserData() ([]byte, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	var data []byte
	for _, p := range b.owned {
		data = binary.BigEndian.AppendUint32(data, uint32(p))
	}
	return data, nil
}

// AssignGroups implements kafkago.GroupBalancer.
func (b *balancer) AssignGroups(members []kafkago.GroupMember, partitions []kafkago.Partition) kafkago.GroupMemberAssignments {
	out := kafkago.GroupMemberAssignments{}
	slices.SortFunc(members, func(x, y kafkago.GroupMember) int { return compareOwners(x, y) })
	topics := map[int][]string{} // partition to the topics that have it
	var ids []int
	for _, p := range partitions {
		id := p.ID
		if b.single {
			id = 0
		}
		if topics[id] == nil {
			ids = append(ids, id)
		}
		if !slices.Contains(topics[id], p.Topic) {
			topics[id] = append(topics[id], p.Topic)
		}
	}
	slices.Sort(ids)
	b.miss(members, partitions)
	owner := share(members, ids)
	for _, m := range members {
		out[m.ID] = map[string][]int{}
	}
	for _, p := range partitions {
		id := p.ID
		if b.single {
			id = 0
		}
		mine := out[owner[id]]
		mine[p.Topic] = append(mine[p.Topic], p.ID)
	}
	return out
}

// miss remembers the topics that some member reads and that the broker said nothing of. kafka-go shares out what is left of
// them, which would leave the group idle for as long as nobody joins or leaves.
func (b *balancer) miss(members []kafkago.GroupMember, partitions []kafkago.Partition) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.missing = nil
	for _, m := range members {
		for _, topic := range m.Topics {
			there := slices.ContainsFunc(partitions, func(p kafkago.Partition) bool { return p.Topic == topic })
			if !there && !slices.Contains(b.missing, topic) {
				b.missing = append(b.missing, topic)
			}
		}
	}
}

// incomplete returns the topics that the last assignment of this member left out, once.
func (b *balancer) incomplete() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	missing := b.missing
	b.missing = nil
	return missing
}

// share gives each id to a member: to the one that had it, up to an equal share; the rest to whoever has least.
func share(members []kafkago.GroupMember, ids []int) map[int]string {
	owner := make(map[int]string, len(ids))
	if len(members) == 0 {
		return owner
	}
	load := make([]int, len(members))
	keep := func(most int, spare int) {
		for i, m := range members {
			for d := m.UserData; len(d) >= 4; d = d[4:] {
				id := int(binary.BigEndian.Uint32(d))
				_, taken := owner[id]
				if taken || load[i] >= most || !slices.Contains(ids, id) || spare == 0 {
					continue
				}
				owner[id] = m.ID
				load[i]++
				spare--
			}
		}
	}
	least := len(ids) / len(members)
	keep(least, len(ids))
	keep(least+1, len(ids)%len(members)) // so many members have one more than the others
	for _, id := range ids {
		if _, taken := owner[id]; taken {
			continue
		}
		least := 0
		for i := range load {
			if load[i] < load[least] {
				least = i
			}
		}
		owner[id] = members[least].ID
		load[least]++
	}
	return owner
}

// compareOwners puts members that had partitions first, so that a newcomer does not take a single stage over.
func compareOwners(x, y kafkago.GroupMember) int {
	if a, b := len(x.UserData) > 0, len(y.UserData) > 0; a != b {
		if a {
			return -1
		}
		return 1
	}
	if x.ID < y.ID {
		return -1
	}
	return 1
}

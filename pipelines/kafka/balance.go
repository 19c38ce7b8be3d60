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

	mu    sync.Mutex
	owned []int32
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

package training

// sources notes of each feature which source has it.
type sources struct {
	of     []int32 // 0: none yet; many: more than one
	number map[string]int32
}

const many = -1

// add notes the features of one text. A joined text is made of other sources', so it says nothing.
func (s *sources) add(source string, features []uint32) {
	if source == joined {
		return
	}
	n := s.number[source]
	if n == 0 {
		n = int32(len(s.number) + 1)
		s.number[source] = n
	}
	for _, f := range features {
		switch s.of[f] {
		case n:
		case 0:
			s.of[f] = n
		default:
			s.of[f] = many
		}
	}
}

// lone tells the features that are not known from several sources: a customer of another one may not use the words that way.
func (s *sources) lone() []bool {
	lone := make([]bool, len(s.of))
	for f, of := range s.of {
		lone[f] = of != many
	}
	return lone
}

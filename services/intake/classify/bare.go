package classify

import "strings"

// smallTalk are the words of which a message can be made without saying anything of its matter: greetings, thanks,
// yes and no, "are you there?", "I have a question", "can you help me?".
var smallTalk = words(`
	hi hii hello helo hullo hey heya hiya yo howdy greetings welcome hallo hola bonjour hej salut
	good morning gud goodmorning goodevening goodafternoon afternoon evening day night morning nice
	dear sir madam maam mam mate friend guys team folks everyone all support service customer care desk
	thanks thank thx ty you u ya so very much many lot a lots appreciated appreciate it bye goodbye cheers regards
	please pls plz ok okay k kk sure yes yeah yep yup no nope nah right alright fine great cool perfect hmm hm um uh oh
	well just now quick quickly again back here there is are am be anyone anybody somebody someone any one some
	i im id ive me my we us your the this that an to for of with in on at about and or if
	have has had got need want would like could can may might do does did will should must shall let lets
	ask asking question questions query help helping assist assistance something thing issue problem
	how hows doing going its whats what up test testing hope wondering excuse sorry bother trouble moment minute
	name today online available still wait waiting listening answer get getting chat live trying try`)

// bareWords bounds how long a message can be and still say nothing.
const bareWords = 16

func words(list string) map[string]bool {
	set := map[string]bool{}
	for word := range strings.FieldsSeq(list) {
		set[word] = true
	}
	return set
}

// bare tells whether the message says nothing of its matter: no word at all, or only small talk.
func (s *scratch) bare() bool {
	n := len(s.message.Words)
	if n > bareWords {
		return false
	}
	for i := range n {
		if !smallTalk[string(s.message.Text(i, i+1))] {
			return false
		}
	}
	return true
}

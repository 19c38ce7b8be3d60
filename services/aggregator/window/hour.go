package window

// hour is how long the stretches are that drift is looked for in, in minutes. They are added up whatever the windows are.
const hour = 60

// Hour calls yield for every segment that has anything in the hour that ended with the end which Next returned last, totals
// and percentiles aside, by case type and handler; never where no hour ended there, or nothing was in it.
func (w *Windows) Hour(yield func(*Row) bool) {
	if w.hour == nil {
		return
	}
	for _, t := range w.segments.sorted {
		from := w.segments.types[t] * int(handlers)
		for h := AI; h < handlers && from+int(h) < len(w.hour.sums); h++ {
			if s := &w.hour.sums[from+int(h)]; *s != (Sums{}) && !yield(&Row{Type: t, Handler: h.String(), Sums: *s}) {
				return
			}
		}
	}
}

package clickhouse

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
)

// externalTable is data sent along with a query, which sees it as a temporary table.
type externalTable struct {
	name string
	data []byte
}

// readMultipart takes a form apart into external tables and parameters.
func (r *request) readMultipart() error {
	form, err := r.http.MultipartReader()
	if err != nil {
		return err
	}
	left := int64(maxExternal)
	for {
		part, err := form.NextPart()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		b, err := io.ReadAll(io.LimitReader(part, left+1))
		if err != nil {
			return err
		}
		if left -= int64(len(b)); left < 0 {
			return exception(307, "TOO_MANY_BYTES", "External tables are over the limit of %d bytes", maxExternal)
		}
		name := part.FormName()
		if part.FileName() != "" || r.params.Has(name+"_structure") || r.params.Has(name+"_types") {
			r.external = append(r.external, externalTable{name, b})
		} else {
			r.params.Add(name, string(b))
		}
	}
}

func (r *request) describesExternal(param string) bool {
	return slices.ContainsFunc(r.external, func(t externalTable) bool {
		return param == t.name+"_structure" || param == t.name+"_types" || param == t.name+"_format"
	})
}

// loadExternal creates and fills the tables on the request's own connection, with which they vanish.
func (r *request) loadExternal(c *conn) error {
	for _, t := range r.external {
		structure, format := r.params.Get(t.name+"_structure"), r.params.Get(t.name+"_format")
		if format == "" {
			format = "TabSeparated"
		}
		if structure == "" {
			var columns []string
			for i, typ := range strings.Split(r.params.Get(t.name+"_types"), ",") {
				columns = append(columns, fmt.Sprintf("_%d %s", i+1, typ))
			}
			structure = strings.Join(columns, ", ")
		}
		if what := forbidden(structure); what != "" { // a column may have a default
			return refused(what)
		}
		if err := c.exec("CREATE OR REPLACE TEMPORARY TABLE " + quoteName(t.name) + " (" + structure + ")"); err != nil {
			return err
		}
		err := c.insert("INSERT INTO "+quoteName(t.name), format, nil, &stats{}, bytes.NewReader(t.data))
		if err != nil {
			return err
		}
	}
	return nil
}

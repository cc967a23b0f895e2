package e2e_test

import (
	"testing"

	"keepcurrent.example/internal/testserver/stacktest"
)

// A secret without a key: a person or a tool may have written it.
func keylessCases() []keyCase {
	neither := "the secret holds neither a Postgres URL nor an object with one"
	cases := []keyCase{
		{" \t@2\r\n", "", 2, ""},
		{`{"DATABASE_URL":"postgresql://u:EXAMPLE\u0040127.0.0.1:2/d"}`, "", 2, ""},
		{`{"MY_URL":"@2","STRIPE":"EXAMPLE","REPORTS":"https://u:EXAMPLE@h"}`, "", 2, ""},
		{`{"engine":"mysql","host":7,"MY_URL":"@2"}`, "", 2, ""},
		{`{"A":"@1","B":"@2","host":"127.0.0.1","port":3}`, "", 3, ""},
		{`{"A":"@1","B":"@2","STRIPE":"EXAMPLE"}`, "", 0, `several keys hold one: "A", "B"; choose with key`},
		{`{"B":"@2","sk/EXAMPLE":"@1","engine":"mysql","host":"127.0.0.1","port":3}`, "", 0, `several keys hold one: "B", 1 not shown; choose with key`},

		{`{"engine":"postgres","host":"127.0.0.1","port":3,"username":"u","password":"EXAMPLE","dbname":"d"}`, "", 3, ""},
		{`{"engine":"aurora-postgresql","host":"127.0.0.1","port":3}`, "", 3, ""},
		{`{"engine":"postgresql","host":"127.0.0.1","port":"3","username":null}`, "", 3, ""},
		{`{"host":"127.0.0.1","port":3,"username":"u/:@?#%","password":" EXAMPLE%2f"}`, "", 3, ""},
		{`{"engine":"mysql","host":"127.0.0.1","port":3}`, "", 0, neither},
		{`{"host":"127.0.0.1","port":65536}`, "", 0, neither},
		{`{"host":"127.0.0.1","port":"EXAMPLE"}`, "", 0, neither},
		{`{"host":"127.0.0.1","port":true}`, "", 0, neither},
		{`{"host":"127.0.0.1","port":3,"username":7}`, "", 0, neither},
		{`{"port":3,"password":"EXAMPLE"}`, "", 0, neither},

		{``, "", 0, neither},
		{`null`, "", 0, neither},
		{`{}`, "", 0, neither},
		{`["@2"]`, "", 0, neither},
		{`"@2"`, "", 0, neither},
		{`{"DATABASE_URL":"@2"`, "", 0, neither},
		{`{"DATABASE_URL":" @2"}`, "", 0, neither},
		{`{"DATABASE_URL":"@2\n"}`, "", 0, neither},
		{`{"DATABASE_URL":{"url":"@2"}}`, "", 0, neither},
		{`{"DATABASE_URL":"host=EXAMPLE"}`, "", 0, neither},
		{`https://u:EXAMPLE@h`, "", 0, neither},
		{`postgres:///d?password=EXAMPLE`, "", 0, neither},
		{`{"DATABASE_URL":"postgres://u:EXAMPLE\n\u0040127.0.0.1:2/d"}`, "", 0, neither},
	}
	return withURLs(cases)
}

func TestNodeRecipeFindsTheURLWithoutAKey(t *testing.T) {
	t.Parallel()
	checkAnswers(t, nodeFolder(t, "testdata/keys.mjs"), "node", "keys.mjs", keylessCases())
}

// Each ORM must survive a change of the credential without a restart, by the lines of the
// page.
func TestORMsOutliveTheirCredential(t *testing.T) {
	t.Parallel()
	dir := nodeFolder(t, "testdata/orm/*")
	for _, orm := range []string{"knex", "sequelize", "typeorm", "prisma", "drizzle"} {
		t.Run(orm+", killed at once", func(t *testing.T) {
			t.Parallel()
			killedAtOnce(openShop(t, stacktest.Config{}).startProgram(dir, "node program.mjs", "WAY="+orm))
		})
		t.Run(orm+", with a grace time", func(t *testing.T) {
			t.Parallel()
			replacedWithGrace(openShop(t, stacktest.Config{}).startProgram(dir, "node program.mjs", "WAY="+orm, "LIFETIME=50"))
		})
	}
}

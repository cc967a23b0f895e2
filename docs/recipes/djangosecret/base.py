# A database backend of Django (4.2 or newer, with psycopg 3) that follows a secret of keepcurrent. It needs pool.py.
#   DATABASES = {
#       "default": {
#           "ENGINE": "djangosecret",
#           "NAME": "shop",  # Django requires one, but the secret's is used
#           "OPTIONS": {"secret": Secret("heroku/shop/DATABASE_URL")},
#           "CONN_MAX_AGE": 600,
#           "CONN_HEALTH_CHECKS": True,  # without it, connections with an older credential stay in use
#       }
#   }
from django.db.backends.postgresql import base


class DatabaseWrapper(base.DatabaseWrapper):
    def get_new_connection(self, conn_params):
        options = {name: value for name, value in conn_params.items() if name not in ("secret", "dbname")}
        connect = super().get_new_connection
        return conn_params["secret"].connect(lambda url, **options: connect({"conninfo": url, **options}), **options)

    def is_usable(self):
        return super().is_usable() and self.settings_dict["OPTIONS"]["secret"].is_current(self.connection)

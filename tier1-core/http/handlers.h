/* Every handler of eldersafe-core, one file each, named from method and path. */
#pragma once

#include "common/http/server.h"

es_handler get_health;
es_handler get_health_live;
es_handler get_health_ready;
es_handler get_jwks;
es_handler get_sign_in;
es_handler post_auth_login;
es_handler get_auth_verify;
es_handler post_auth_verify;
es_handler post_auth_logout;
es_handler get_auth_sessions;
es_handler delete_auth_sessions_id;
es_handler post_auth_device;
es_handler post_signal; /* event thread: hands over to a lane */
es_handler get_signals;
es_handler get_signals_id_receipt;
es_handler get_member_status;

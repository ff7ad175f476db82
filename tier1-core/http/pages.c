#include "tier1-core/http/pages.h"

#include "common/base/buf.h"
#include "common/http/server.h"

#include <sodium.h>
#include <string.h>

#define HTML_TYPE "text/html; charset=utf-8"

/* In place of the header's no-referrer, under which a form says "Origin: null" and a browser
 * without Sec-Fetch-Site could not sign in. This one tells the origin alone: never the link's
 * token. */
#define REFERRER_POLICY "<meta name=\"referrer\" content=\"strict-origin\">"

static const char style[] =
    "body{font:1.4rem/1.5 sans-serif;max-width:34rem;margin:2rem auto;padding:0 1rem}"
    "input,button{font:inherit;padding:.6rem;width:100%;box-sizing:border-box;margin:.3rem 0 1rem}"
    "button{background:#0b5;color:#fff;border:0;border-radius:.5rem;font-weight:bold}"
    "small{color:#444}";

/* The pages' own policy: nothing is loaded, the one style block is named by its hash. */
static void add_policy(struct es_request *request)
{
    unsigned char digest[crypto_hash_sha256_BYTES];
    struct es_buf policy = ES_BUF_INIT;
    crypto_hash_sha256(digest, (const unsigned char *)style, strlen(style));
    es_buf_add_str(&policy, "default-src 'none'; form-action 'self'; base-uri 'none'; "
                            "frame-ancestors 'none'; style-src 'sha256-");
    es_buf_add_base64(&policy, digest, sizeof(digest));
    es_buf_add_str(&policy, "'");
    es_respond_header(request, "Content-Security-Policy", es_buf_str(&policy));
    es_buf_done(&policy);
}

static void page(struct es_request *request, unsigned status, const char *title,
                 const char *content)
{
    struct es_buf body = ES_BUF_INIT;
    es_buf_printf(
        &body,
        "<!doctype html><html lang=\"da\"><head><meta charset=\"utf-8\">"
        "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">" REFERRER_POLICY
        "<title>%s</title><style>%s</style></head><body><h1>%s</h1>%s</body></html>",
        title, style, title, content);
    add_policy(request);
    es_respond_header(request, "Cache-Control", "no-store");
    es_respond(request, status, HTML_TYPE, &body);
}

void page_sign_in(struct es_request *request)
{
    page(
        request, 200, "Log ind / Sign in",
        "<form method=\"post\" action=\"/api/auth/login\">"
        "<label>Medlemsnummer / Member number"
        "<input name=\"member_number\" autocomplete=\"username\" required maxlength=\"64\"></label>"
        "<label>E-mail<input name=\"email\" type=\"email\" autocomplete=\"email\" required "
        "maxlength=\"254\"></label>"
        "<button>Send link / Send the link</button></form>");
}

void page_code(struct es_request *request, unsigned status)
{
    page(request, status, "Se din mail / Check your mail",
         "<p>Hvis nummer og adresse h\xC3\xB8rer sammen, er en mail p\xC3\xA5 vej. Tryk p\xC3\xA5 "
         "linket i den, eller skriv koden her.</p>"
         "<p><small>If number and address belong together, a mail is on its way. Follow its link, "
         "or type its code here.</small></p>"
         "<form method=\"post\" action=\"/api/auth/verify\">"
         "<label>Kode / Code<input name=\"code\" inputmode=\"numeric\" pattern=\"[0-9]{6}\" "
         "autocomplete=\"one-time-code\" required maxlength=\"6\"></label>"
         "<button>Log ind / Sign in</button></form>");
}

void page_confirm(struct es_request *request, const char *token)
{
    struct es_buf content = ES_BUF_INIT;
    es_buf_printf(&content,
                  "<p>Tryk p\xC3\xA5 knappen for at logge ind.</p>"
                  "<p><small>Press the button to sign in.</small></p>"
                  "<form method=\"post\" action=\"/api/auth/verify\">"
                  "<input type=\"hidden\" name=\"token\" value=\"%s\">"
                  "<button>Log ind / Sign in</button></form>",
                  token);
    page(request, 200, "Log ind / Sign in", es_buf_str(&content));
    es_buf_done(&content);
}

void page_signed_in(struct es_request *request)
{
    page(request, 200, "Du er logget ind / You are signed in",
         "<p>Du kan lukke denne side og g\xC3\xA5 tilbage til Eldersafe.</p>"
         "<p><small>You may close this page and go back to Eldersafe.</small></p>");
}

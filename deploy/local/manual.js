// What `make run` prints when the stack is up: where things are, and the main job by hand.

import { DEMO_MEMBERS } from './stack.js';

const SHOWN = ['EDGE_URL', 'API_URL', 'CORE_URL', 'LOG_URL', 'CHAIN_URL', 'PG_URL', 'REDIS_URL', 'MAIL_DIR'];
const PASSWORD = /:[^:/@]+@/;

/** The text for a stack with these VARIABLES, which ENVFILE holds. */
export function manual(variables, envFile) {
  const [, { number, email }] = DEMO_MEMBERS; // the first one has signed in already
  const addresses = SHOWN.map((name) => `    ${name.padEnd(10)} ${variables[name].replace(PASSWORD, ':…@')}`);
  return `
${addresses.join('\n')}

The main job by hand, as another member, in a second shell:

    . ${envFile}
    # 1. sign in: ask for the mail, wait for it, follow its link
    ASKED=$(mktemp)
    curl -s --json '{"member_number":"${number}","email":"${email}"}' $EDGE_URL/api/auth/login
    until MAIL=$(find $MAIL_DIR -name '*.eml' -newer $ASKED | grep .); do sleep 0.2; done
    LINK=$(grep -om1 'token=[A-Za-z0-9_-]*' $MAIL)
    TOKEN=$(curl -s --json '{"token":"'\${LINK#token=}'"}' $EDGE_URL/api/auth/verify | jq -r .token)
    # 2. "I'm here"
    SIGNAL=$(curl -s -X POST -H "Authorization: Bearer $TOKEN" $EDGE_URL/api/signal | jq -r .signal_id)
    # 3. watch it being sealed, sent, seen, mined
    eldersafectl status
    # 4. fetch the receipt and check it offline, until a block holds it
    until curl -s -H "Authorization: Bearer $TOKEN" $EDGE_URL/api/signals/$SIGNAL/receipt >receipt.json &&
      eldersafe-verify --log-key $LOG_VKEY_FILE --network regtest receipt.json; do sleep 2; done

Ctrl-C stops everything.
`;
}

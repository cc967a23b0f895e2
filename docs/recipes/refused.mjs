// Calls keepcurrent for a secret whose credential is refused, by an event on the account's default event bus.
// It needs @aws-sdk/client-eventbridge.
//   new SecretPool(readSecret("heroku/shop/DATABASE_URL"), { refused: callKeepcurrent() });
import { EventBridgeClient, PutEventsCommand } from "@aws-sdk/client-eventbridge";

export function callKeepcurrent(client = new EventBridgeClient()) {
  return async (secret, version) => {
    const Detail = JSON.stringify({ secret, version });
    const event = { Source: "keepcurrent.consumer", DetailType: "Credential Refused", Detail };
    try {
      const answer = await client.send(new PutEventsCommand({ Entries: [event] }), { abortSignal: AbortSignal.timeout(10_000) });
      if (answer.FailedEntryCount) throw new Error(answer.Entries[0].ErrorCode);
    } catch (err) {
      console.error(`the call for secret ${secret} failed: ${err.message}`);
    }
  };
}

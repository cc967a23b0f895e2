// Reads simulations and writes the decision of each. A simulation that is not valid is an
// error, so that a misspelt action is no denial.
import { runSimulation } from '@cloud-copilot/iam-simulate'

const chunks = []
for await (const chunk of process.stdin) chunks.push(chunk)
const decisions = []
for (const simulation of JSON.parse(Buffer.concat(chunks).toString())) {
  const answer = await runSimulation(simulation, {})
  if (answer.resultType === 'error') {
    decisions.push(`error: ${JSON.stringify(answer.errors)}`)
  } else {
    const ignored = answer.result?.ignoredContextKeys ?? []
    decisions.push(ignored.length > 0 ? `error: ${simulation.request.action} has no ${ignored}` : answer.overallResult)
  }
}
process.stdout.write(JSON.stringify(decisions))

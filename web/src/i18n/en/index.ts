import account from './account.json';
import administration from './administration.json';
import broker from './broker.json';
import common from './common.json';
import devices from './devices.json';
import overview from './overview.json';
import quarantine from './quarantine.json';
import trace from './trace.json';

export default { account, administration, broker, common, devices, overview, quarantine, trace };

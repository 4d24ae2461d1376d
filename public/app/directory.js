import { named } from './language.js';

/**
 * What hardly changes and is asked for, not streamed: the clinic's people by name and its treatments. Asked again when
 * the people change, and after each reconnect that began anew.
 */
export class Directory {
  #client;
  #clinic;
  #changed;
  #names = null;
  /** @type {Map<string, any>} */
  staff = new Map();
  /** @type {Map<string, any>} */
  treatments = new Map();

  /** @param {{client: any, clinic: string, changed: () => void}} options */
  constructor({ client, clinic, changed }) {
    this.#client = client;
    this.#clinic = clinic;
    this.#changed = changed;
  }

  async loadStaff() {
    const data = await this.#client.query('staff', {}, { clinic: this.#clinic });
    this.staff = byId(data.staff);
    this.#changed();
  }

  async loadClinic() {
    const { clinic } = await this.#client.query('me', {}, { clinic: this.#clinic });
    this.#names = clinic.names;
    this.#changed();
  }

  get clinicName() {
    return named(this.#names);
  }

  async loadTreatments() {
    const data = await this.#client.query('treatments', {}, { clinic: this.#clinic });
    this.treatments = byId(data.treatments);
    this.#changed();
  }

  /** @param {string | null | undefined} id of a member of staff @returns {string | undefined} */
  staffName(id) {
    const member = id ? this.staff.get(id) : undefined;
    return member?.name ?? undefined;
  }

  /** A case's treatment in the language of the screen. @param {any} workflow */
  treatmentName(workflow) {
    const treatment = workflow?.treatment_id ? this.treatments.get(workflow.treatment_id) : undefined;
    return treatment ? named(treatment.names) : workflow?.treatment_name ?? '';
  }
}

const byId = (rows) => new Map(rows.map((row) => [row.id, row]));

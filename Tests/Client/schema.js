// A validator for the part of JSON Schema 2020-12 that the protocol's schema uses. It refuses a schema with a keyword that
// it does not know, so that nothing is silently left unchecked.

const KEYWORDS = {
  type: (want, value) => (Array.isArray(want) ? want : [want]).some((name) => isOf(name, value)) || `is no ${want}`,
  const: (want, value) => value === want || `is not ${JSON.stringify(want)}`,
  enum: (want, value) => want.includes(value) || `is none of ${JSON.stringify(want)}`,
  pattern: (want, value) => typeof value !== 'string' || new RegExp(want, 'u').test(value) || `does not match ${want}`,
  minLength: (want, value) => typeof value !== 'string' || value.length >= want || 'is too short',
  maxLength: (want, value) => typeof value !== 'string' || value.length <= want || 'is too long',
  minimum: (want, value) => typeof value !== 'number' || value >= want || `is below ${want}`,
  maximum: (want, value) => typeof value !== 'number' || value <= want || `is above ${want}`,
  minItems: (want, value) => !Array.isArray(value) || value.length >= want || 'has too few items',
  maxItems: (want, value) => !Array.isArray(value) || value.length <= want || 'has too many items',
  minProperties: (want, value) => !isObject(value) || Object.keys(value).length >= want || 'has too few members',
  maxProperties: (want, value) => !isObject(value) || Object.keys(value).length <= want || 'has too many members',
  required: (want, value) => {
    const missing = isObject(value) ? want.filter((name) => !(name in value)) : [];
    return missing.length === 0 || `lacks ${missing}`;
  },
};
const COMMENTS = new Set(['$schema', '$id', '$defs', 'title', 'description']);
const APPLIED = new Set(['$ref', 'properties', 'additionalProperties', 'propertyNames', 'items', 'anyOf', 'oneOf', 'allOf', 'not', 'if', 'then', 'else']);

const isObject = (value) => typeof value === 'object' && value !== null && !Array.isArray(value);

function isOf(name, value) {
  if (name === 'integer') return Number.isInteger(value);
  if (name === 'array') return Array.isArray(value);
  if (name === 'object') return isObject(value);
  if (name === 'null') return value === null;
  return typeof value === name;
}

/** @returns {string[]} what is wrong, with where; empty when all is well */
export function validate(root, pointer, value) {
  const errors = [];
  check(resolve(root, pointer), value, '', errors);
  return errors;

  function check(schema, here, path, out) {
    if (schema === true) return;
    if (schema === false) {
      out.push(`${path}: is not known`);
      return;
    }
    for (const [name, want] of Object.entries(schema)) {
      if (KEYWORDS[name]) {
        const result = KEYWORDS[name](want, here);
        if (result !== true) out.push(`${path}: ${result}`);
      } else if (!COMMENTS.has(name) && !APPLIED.has(name)) {
        throw new Error(`the schema uses ${name}, which this validator does not know`);
      }
    }
    if (schema.$ref) check(resolve(root, schema.$ref), here, path, out);
    for (const each of schema.allOf ?? []) check(each, here, path, out);
    if (schema.anyOf) choose(schema.anyOf, here, path, out, (n) => n >= 1);
    if (schema.oneOf) choose(schema.oneOf, here, path, out, (n) => n === 1);
    if (schema.not && holds(schema.not, here)) out.push(`${path}: is what it must not be`);
    if (schema.if) {
      const branch = holds(schema.if, here) ? schema.then : schema.else;
      if (branch) check(branch, here, path, out);
    }
    if (Array.isArray(here) && schema.items) here.forEach((item, index) => check(schema.items, item, `${path}/${index}`, out));
    if (isObject(here)) {
      for (const [name, member] of Object.entries(here)) {
        if (schema.propertyNames) check(schema.propertyNames, name, `${path}/${name}`, out);
        if (schema.properties && name in schema.properties) check(schema.properties[name], member, `${path}/${name}`, out);
        else if (schema.additionalProperties !== undefined) check(schema.additionalProperties, member, `${path}/${name}`, out);
      }
    }
  }

  function holds(schema, here) {
    const out = [];
    check(schema, here, '', out);
    return out.length === 0;
  }

  function choose(choices, here, path, out, isEnough) {
    const results = choices.map((choice) => {
      const found = [];
      check(choice, here, path, found);
      return found;
    });
    if (isEnough(results.filter((found) => found.length === 0).length)) return;
    // The nearest miss says most.
    const nearest = results.toSorted((a, b) => a.length - b.length)[0];
    out.push(...(nearest.length > 0 ? nearest : [`${path}: fits more than one`]));
  }
}

function resolve(root, pointer) {
  return pointer.split('/').slice(1).reduce((node, part) => {
    if (node?.[part] === undefined) throw new Error(`no ${pointer} in the schema`);
    return node[part];
  }, root);
}

/** Where a country's cities live: the keyspace whose home is nearest. */
export type CityKeyspace = 'default' | 'eu' | 'ap';

export const cityKeyspaces: readonly CityKeyspace[] = ['default', 'eu', 'ap'];

const countries = (text: string): ReadonlySet<string> => new Set(text.split(/\s+/).filter(Boolean));

export const americas = countries(`
  AG AI AR AW BB BL BM BO BQ BR BS BZ CA CL CO CR CU CW DM DO EC FK GD GF GL GP GS GT GY HN HT JM KN KY LC MF MQ MS MX
  NI PA PE PM PR PY SR SV SX TC TT US UY VC VE VG VI`);

export const asiaAndOceania = countries(`
  AE AF AM AS AU AZ BD BH BN BT CC CK CN CX FJ FM GE GU HK ID IL IN IO IQ IR JO JP KG KH KI KP KR KW KZ LA LB LK MH MM MN
  MO MP MV MY NC NF NP NR NU NZ OM PF PG PH PK PN PS PW QA SA SB SG SY TH TJ TK TL TM TO TV TW UM UZ VN VU WF WS YE`);

/** Europe and Africa are the rest, and the far south is no nearer to anyone. */
export function keyspaceOfCountry(country: string): CityKeyspace {
  if (americas.has(country)) return 'default';
  return asiaAndOceania.has(country) ? 'ap' : 'eu';
}

